"""The processor's flags, and the option that ONNX Runtime needs on it for exact int8 products.

On x86 ONNX Runtime multiplies unsigned 8-bit activations by signed 8-bit weights. Processors with 8-bit
dot products (VNNI) sum them in 32 bits; on others it sums pairs of them in 16 bits, which overflow (255 *
127 * 2 gives 32767): logits of int8 models were up to 14 % of their standard deviation off.
`session.x64quantprecision` has the weights made unsigned when the model is loaded, which is exact, and two
to three times slower than VNNI.
"""

import platform
import sys
from functools import cache
from pathlib import Path

import numpy as np

OPTION = "session.x64quantprecision"
CPUINFO = Path("/proc/cpuinfo")
X86 = ("x86_64", "amd64", "x86", "i386", "i686")
AVX512 = {"avx512f", "avx512bw", "avx512dq", "avx512vl"}  # what ONNX Runtime's 512-bit kernels need
NUMPY_VNNI = {"AVX512_CLX", "AVX512_ICL", "AVX512_SPR"}  # numpy's names of sets that have all of it


def flags_of(cpuinfo: str) -> set[str]:
    """Return the flags in the text of Linux's /proc/cpuinfo: those that every processor there has."""
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    flag_sets = [set(value.split()) for key, _, value in lines if key.strip() == "flags"]
    return set.intersection(*flag_sets) if flag_sets else set()


@cache
def processor_flags() -> frozenset[str]:
    """Return the processor's flags, by Linux's names; on Windows what numpy detects; elsewhere none.

    numpy does not know AVX-VNNI, which processors without AVX-512 have.
    """
    if CPUINFO.is_file():
        return frozenset(flags_of(CPUINFO.read_text(encoding="utf-8", errors="replace")))
    if sys.platform == "win32":
        extensions = np.show_config(mode="dicts").get("SIMD Extensions", {}).get("found", [])
        if NUMPY_VNNI & set(extensions):
            return frozenset(AVX512 | {"avx512_vnni"})
    return frozenset()


def sums_in_32_bits(flags: frozenset[str], machine: str) -> bool:
    """Return whether ONNX Runtime's int8 products are exact unasked; False where that is not known.

    `machine` is what platform.machine() says. Other processors than x86 sum in 32 bits, and the option
    does nothing there.
    """
    if machine.lower() not in X86:
        return True
    return ("avx512_vnni" if flags >= AVX512 else "avx_vnni") in flags


def products_overflow() -> bool:
    """Return whether int8 products may overflow on this machine unless something is done about it."""
    return not sums_in_32_bits(processor_flags(), platform.machine())


def x64quantprecision() -> str:
    """Return the value of OPTION for this machine: "0" where int8 products are exact without it, else "1"."""
    return "1" if products_overflow() else "0"
