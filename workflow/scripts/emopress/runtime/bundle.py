"""Opens a bundle, whatever it holds: `load(path).predict_proba(texts)`."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from emopress.artifact import check_files, read_json
from emopress.data.normalise import normalise_text
from emopress.errors import UserError
from emopress.runtime.classifier import Classifier

if TYPE_CHECKING:  # a linear bundle needs no tokenizers
    from emopress.runtime.encoder import Encoder

MANIFEST = "bundle.json"


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk: its folder and its manifest's content."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def size_bytes(self) -> int:
        """Bytes that a user must ship: model and tokenizer, from the file system."""
        return sum((self.folder / name).stat().st_size for name in self.manifest["files"])


def read_bundle(path: Path | str, *, verify: bool = True) -> Bundle:
    """Open a bundle; UserError names a missing file, or (with `verify`) a damaged one."""
    folder = Path(path)
    manifest = read_json(folder / MANIFEST)
    if verify:
        check_files(folder, manifest["files"])
    return Bundle(folder, manifest)


def encoder_of(bundle: Bundle) -> "Encoder":
    """Return what turns texts into the token ids of a transformer bundle."""
    from emopress.runtime.encoder import Encoder

    facts = bundle.manifest
    return Encoder(
        bundle.folder / "tokenizer.json", max_length=facts["max_length"], pad_id=facts["pad_id"]
    )


def load(path: Path | str, *, threads: int = 1, verify: bool = True) -> Classifier:
    """Load a bundle for prediction with `threads` threads."""
    bundle = read_bundle(path, verify=verify)
    facts = bundle.manifest
    labels, normalise = facts["labels"], partial(normalise_text, method=facts["normalise"])
    match facts["runtime"]:
        case "onnxruntime":
            from emopress.runtime.encoder import OnnxClassifier

            weights = None
            if facts.get("packed"):
                from emopress.runtime.packed import FILE, read_packed

                weights = read_packed(bundle.folder / FILE)
            return OnnxClassifier(
                bundle.folder / "model.onnx",
                encoder_of(bundle),
                labels=labels,
                normalise=normalise,
                threads=threads,
                weights=weights,
            )
        case "openvino":
            from emopress.runtime.openvino import OpenvinoClassifier

            return OpenvinoClassifier(
                bundle.folder / "model.xml",
                encoder_of(bundle),
                labels=labels,
                normalise=normalise,
                threads=threads,
                precision=facts["inference_precision"],
            )
        case "linear":
            from emopress.runtime.linear import LinearClassifier

            return LinearClassifier(
                bundle.folder / "model.npz",
                labels=labels,
                normalise=normalise,
                kind=facts["analyzer"],
                ngrams=facts["ngrams"],
            )
    raise UserError(
        f"{bundle.folder / MANIFEST}: unknown runtime {facts['runtime']!r} "
        "(known: onnxruntime, openvino, linear); a newer emopress made it"
    )
