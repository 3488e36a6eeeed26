"""What a bundle is converted to for another runtime or another storage."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import Field

from emopress.entries.base import Entry, Fault
from emopress.entries.quantize import Calibration


class OpenVino(Entry):
    """Convert for the OpenVINO runtime, an extra (README)."""

    kind: Literal["openvino"]
    precision: Literal["fp32", "bf16", "fp16", "int8"]
    """int8: NNCF's post-training quantization, the rest fp32; bf16, fp16: weights and arithmetic in that precision, on
    CPUs that have it. bf16 has the range of fp32; a weight beyond 65504 is refused in fp16. Products of int8 may
    overflow on x86 CPUs without VNNI: there, and only there, emopress halves the range of weights when it opens a
    bundle."""
    calibration: Calibration = Field(default_factory=Calibration)
    """Calibration sample of int8, drawn from the training texts with the variant's seed."""

    @classmethod
    def idle(cls, given: Mapping[str, Any]) -> Iterator[Fault]:
        """Yield the sample where nothing is calibrated."""
        if "calibration" in given and given.get("precision") != "int8":
            yield "calibration", "without precision: int8"


class Pack(Entry):
    """Store the zeros of a pruned bundle as one bit each; decoded when it is loaded. Smaller, but not faster."""

    kind: Literal["pack"]
