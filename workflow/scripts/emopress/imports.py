"""Imports without the garbage collector, which otherwise takes a quarter of the time of importing PyTorch."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the collector of cycles out of a block that imports many modules.

    These make a million objects that stay; the collector, which starts by their number, would go through them again and
    again. After the block it leaves them alone (`gc.freeze`) and works as before.
    """
    if not gc.isenabled():  # a block within a block
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
