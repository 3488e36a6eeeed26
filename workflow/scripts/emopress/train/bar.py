"""The progress bar of a training, in its job's log."""

import sys

from tqdm import tqdm


def progress_bar(total: int, done: int, *, shown: bool) -> tqdm:
    """Return a bar of `total` steps, `done` of them in an earlier run; one process shows it."""
    return tqdm(
        total=total,
        initial=done,
        desc="training",
        disable=not shown,
        unit="step",
        file=sys.stderr,
        mininterval=2.0,
        maxinterval=10.0,
        dynamic_ncols=False,
        ncols=110,
    )
