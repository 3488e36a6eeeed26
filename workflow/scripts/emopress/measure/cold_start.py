"""Loads one classifier and predicts one text: in a fresh process, that is a cold start.

    python -m emopress.measure.cold_start FOLDER RUNTIME THREADS < TEXT

prints `predicted` as soon as it has, and then the most memory that it held, in bytes. It imports what a
program that uses the bundle does, and nothing of the study.
"""

import sys
from pathlib import Path

from emopress.runtime.bundle import load
from emopress.runtime.classifier import Classifier


def open_classifier(folder: Path, runtime: str, *, threads: int, verify: bool = True) -> Classifier:
    """Load a bundle for the CPU, or for a reference row's `runtime` the reference in that engine.

    `pytorch`: the checkpoint in `folder`; `openvino-reference`: the fp32 ONNX bundle in `folder`.
    """
    if runtime == "pytorch":
        from emopress.measure.pytorch import PytorchClassifier

        return PytorchClassifier(folder, threads=threads)
    if runtime == "openvino-reference":
        from emopress.runtime.openvino import load_onnx

        return load_onnx(folder, threads=threads, verify=verify)
    return load(folder, threads=threads, verify=verify, device="cpu")


def peak_memory_bytes() -> int:
    """Return the most resident memory that this process had, mapped files and libraries included.

    On Linux that is VmHWM: ru_maxrss survives exec there, so that a process started by a large one
    would report the large one's peak.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024  # "kB" are KiB there
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main(folder: str, runtime: str, threads: str) -> None:
    """Predict the text on standard input."""
    text = sys.stdin.buffer.read().decode("utf-8")
    open_classifier(Path(folder), runtime, threads=int(threads)).predict_proba([text])
    print("predicted", flush=True)
    print(peak_memory_bytes(), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
