"""Two models compared from their predicted labels alone, for tests of what compares many at once."""

import numpy as np

from emopress.measure.intervals import resampled
from emopress.measure.paired import corrected, difference


def compare(truth, this, other, *, classes, resamples):
    """Return the comparison of two models, each [N] or [seeds, N], as a family of its own."""
    both = np.stack([np.atleast_2d(this), np.atleast_2d(other)])
    drawn = resampled(truth, both, classes=classes, resamples=resamples)
    columns = [drawn.column(i) for i in (0, 1)]
    found = difference(truth, *both, classes=classes, drawn=tuple(columns))
    corrected([[found]])
    return found
