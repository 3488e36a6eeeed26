"""What every script does first: log to the rule's file, keep to its threads and GPUs, report errors in one line."""

import errno
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from emopress.errors import UserError
from emopress.jobs.context import Context
from emopress.jobs.gpus import held_gpus, visible_devices
from emopress.jobs.ledger import guarded

THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "RAYON_NUM_THREADS",
)
# What to do about a file that cannot be written.
UNWRITABLE = {
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room in your quota",
    errno.EROFS: "make it writable",
    errno.EACCES: "give yourself the right to read and write it",
    errno.EPERM: "give yourself the right to read and write it",
}
OUT_OF_MEMORY = re.compile(
    r"out of memory|can't allocate memory|bad.?alloc|not enough memory", re.I
)


def training_processes(snakemake: Any) -> int:
    """Return in how many processes a job trains: one for each GPU that it asked for and has, else one."""
    requested = int((getattr(snakemake, "resources", None) or {}).get("gpu", 0))
    if requested <= 1 or snakemake.params.device == "cpu":
        return 1
    return max(1, min(requested, len(visible_devices())))


def fair_threads(requested: int, cores: int, processors: int) -> int:
    """Return the threads that a job may really start.

    `snakemake --cores 4` on 2 processors runs jobs for 4; each then gets its share of what is there.
    """
    return max(1, min(requested, requested * processors // max(cores, processors)))


def error_line(error: BaseException, place: str = "an output") -> str | None:
    """Return the one line that reports an error; None for an unforeseen one.

    `place` is what was written, for libraries that do not name the file that they could not write.
    """
    if isinstance(error, UserError):
        return str(error)
    text = " ".join(str(error).split())
    code = getattr(error, "errno", None)
    # safetensors and tokenizers have it in their text only.
    rust = re.search(r"\(os error (\d+)\)", text)
    code = int(rust[1]) if rust else code
    if code in UNWRITABLE:
        place = getattr(error, "filename", None) or place
        return f"{place}: {os.strerror(code)}; {UNWRITABLE[code]}, then type the same command again"
    if isinstance(error, MemoryError) or OUT_OF_MEMORY.search(text):
        return (
            f"out of memory ({text or 'nothing more is known'}); close other programs, run fewer jobs at "
            "once (--cores), lower the batch_size of a training run, then type the same command again"
        )
    return None


def warn(line: str) -> None:
    """Write a line to the job's log, as a warning, and to the terminal."""
    logging.warning(line)
    print(line, file=sys.__stderr__)


@contextmanager
def job(snakemake: Any, threads: int | None = None, *, folders: bool = True) -> Iterator[int]:
    """Set up a script and yield its number of threads: its share, or `threads` where it is given.

    Everything printed goes to the rule's log, with whole tracebacks. A UserError, a disk that cannot be
    written and a lack of memory end the script with one line on the terminal; any other exception keeps
    its traceback there. `emopress.jobs.ledger.guarded` checks inputs and records outputs; see there for
    `folders`.
    """
    processors = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    )
    context: Context = snakemake.params.context
    if context.scheduled:  # the job has its CPUs to itself
        threads = threads or min(snakemake.threads, processors or 1)
    else:
        threads = threads or fair_threads(snakemake.threads, context.cores, processors or 1)
    os.environ.update({name: str(threads) for name in THREAD_VARIABLES})
    os.environ["TOKENIZERS_PARALLELISM"] = "false" if threads == 1 else "true"
    terminal = sys.stderr
    try:
        log = open(snakemake.log[0], "w", encoding="utf-8", buffering=1)  # noqa: SIM115
    except OSError as error:
        print(f"error in rule {snakemake.rule}: {error_line(error) or error}", file=terminal)
        sys.exit(1)
    sys.stdout = sys.stderr = log
    logging.basicConfig(
        stream=log, level=logging.INFO, format="%(levelname)s %(message)s", force=True
    )
    resources = getattr(snakemake, "resources", None) or {}
    try:
        with (
            guarded(snakemake.input, snakemake.output, folders=folders),
            held_gpus(int(resources.get("gpu", 0)), scheduled=context.scheduled),
        ):
            yield threads
    except Exception as error:
        line = error_line(error, str(next(iter(snakemake.output), "an output")))
        if not isinstance(error, UserError):
            logging.exception("rule %s failed", snakemake.rule)
        if line is None:
            sys.stderr = terminal
            raise
        print(f"error in rule {snakemake.rule}: {line}", file=terminal)
        print(f"error: {line}", file=sys.stderr)
        sys.exit(1)
