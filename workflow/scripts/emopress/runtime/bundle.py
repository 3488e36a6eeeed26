"""Opens a bundle, whatever it holds: `load(path).predict_proba(texts)`."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from emopress.artifact import check_files, read_json
from emopress.data.normalise import normalise_text
from emopress.errors import UserError
from emopress.runtime.classifier import Classifier

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


def load(path: Path | str, *, threads: int = 1, verify: bool = True) -> Classifier:
    """Load a bundle for prediction with `threads` threads."""
    bundle = read_bundle(path, verify=verify)
    facts = bundle.manifest
    labels, normalise = facts["labels"], partial(normalise_text, method=facts["normalise"])
    match facts["runtime"]:
        case "onnxruntime":
            from emopress.runtime.encoder import Encoder, OnnxClassifier

            encoder = Encoder(
                bundle.folder / "tokenizer.json",
                max_length=facts["max_length"],
                pad_id=facts["pad_id"],
            )
            return OnnxClassifier(
                bundle.folder / "model.onnx",
                encoder,
                labels=labels,
                normalise=normalise,
                threads=threads,
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
        "(known: onnxruntime, linear); a newer emopress made it"
    )
