"""Opens a bundle, whatever it holds: `load(path).predict_proba(texts)`."""

from importlib import import_module
from pathlib import Path

from emopress.errors import UserError
from emopress.runtime.bundle_reader import MANIFEST, read_bundle
from emopress.runtime.classifier import Classifier
from emopress.tasks import task_of

# The runtime that a manifest names -> its class, which has `of_bundle(bundle, threads=, device=)`. Imported when
# a bundle asks for it: a linear bundle needs neither tokenizers nor ONNX Runtime.
RUNTIMES = {
    "onnxruntime": "emopress.runtime.onnxruntime:OnnxClassifier",
    "openvino": "emopress.runtime.openvino:OpenvinoClassifier",
    "transformers": "emopress.runtime.transformers:DecoderClassifier",
    "linear": "emopress.runtime.linear:LinearClassifier",
    "dense": "emopress.runtime.dense:DenseClassifier",
    "conv": "emopress.runtime.conv:ConvClassifier",
}


def load(
    path: Path | str, *, threads: int = 1, verify: bool = True, device: str = "cpu"
) -> Classifier:
    """Load a bundle for prediction with `threads` threads.

    `device` (auto, cpu, cuda) is where those of the transformers runtime compute; all others: the CPU.
    """
    bundle = read_bundle(path, verify=verify)
    runtime = bundle.manifest["runtime"]
    if runtime not in RUNTIMES:
        raise UserError(
            f"{bundle.folder / MANIFEST}: unknown runtime {runtime!r} "
            f"(known: {', '.join(RUNTIMES)}); a newer emopress made it"
        )
    module, name = RUNTIMES[runtime].split(":")
    opened = getattr(import_module(module), name).of_bundle(bundle, threads=threads, device=device)
    classifier: Classifier = opened
    classifier.task = task_of(bundle.manifest)
    classifier.thresholds = bundle.manifest.get("thresholds")
    return classifier
