"""The machine that a timing job runs on: how many threads it may use, and the processor's name and flags."""

import os
import platform
from collections.abc import Sequence

from emopress.runtime.processor import CPUINFO, processor_flags

TELLING_FLAGS = (  # that decide how fast int8 and bf16 run
    "avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "amx_bf16",
)  # fmt: skip


def usable(cores: int) -> int:
    """Return how many of `cores` this process may really use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, min(cores, len(os.sched_getaffinity(0))))
    return max(1, min(cores, os.cpu_count() or 1))


def thread_counts(counts: Sequence[int | str], cores: int) -> list[int]:
    """Return the numbers of threads to time with; `all` is `cores`. Each once, the first first."""
    return list(dict.fromkeys(cores if one == "all" else int(one) for one in counts))


def cpu_facts() -> tuple[str, list[str]]:
    """Return the processor's name and those of its flags that matter to int8 and bf16 arithmetic."""
    name, flags = platform.processor() or platform.machine(), processor_flags()
    if CPUINFO.is_file():
        for line in CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                name = value.strip()
    return name, [flag for flag in TELLING_FLAGS if flag in flags]
