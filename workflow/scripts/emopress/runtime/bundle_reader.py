"""Reads the manifest of a bundle, and checks its files; `emopress.runtime.bundle` opens it for prediction."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from glob import escape, iglob
from pathlib import Path
from typing import Any

from emopress.artifact import BUNDLE, PROVENANCE, check_files, is_table, read_json, short_hash
from emopress.errors import UserError
from emopress.tasks import MULTI, SINGLE, task_of

MANIFEST = BUNDLE
FORMAT = 2  # of the manifest; a newer emopress may write what this one cannot read
READABLE = (1, FORMAT)  # 1 had all of its provenance in the manifest
KEYS: dict[str, type] = {  # what prediction asks of a manifest, and what it must be
    "files": dict,
    "labels": list,
    "normalise": str,
    "runtime": str,
}
RUNTIME_KEYS: dict[str, dict[str, type]] = {
    "onnxruntime": {"max_length": int, "pad_id": int},
    "openvino": {"max_length": int, "pad_id": int, "inference_precision": str},
    "transformers": {"max_length": int, "pad_id": int},
    "linear": {"analyzer": str, "ngrams": list},
    "dense": {"pooling": str, "max_length": int, "buckets": int, "ngrams": list},
    "conv": {"pooling": str, "max_length": int, "lowercase": bool, "strip_accents": bool},
}
# texts_per_call: an engine gives other logits, or none, for more in one call. activation_bits: none reads it, but
# whoever uses the bundle shall know. wide_ngrams: of the wide part of a conv model.
OPTIONAL_KEYS = ("task", "thresholds", "texts_per_call", "activation_bits", "wide_ngrams")


def prediction_keys(runtime: str) -> list[str]:
    """Return which facts prediction in a runtime reads: what a manifest holds, beside hashes."""
    return [key for key in KEYS if key != "files"] + [*RUNTIME_KEYS[runtime], *OPTIONAL_KEYS]


@dataclass(frozen=True)
class Bundle:
    """A bundle on disk: its folder and its manifest's content, which is all that prediction needs."""

    folder: Path
    manifest: dict[str, Any]

    @property
    def files(self) -> list[str]:
        """Names of the files that must be shipped: without any of them the bundle does not predict."""
        return [*self.manifest["files"], MANIFEST]

    @property
    def size_bytes(self) -> int:
        """Bytes that a user must ship, from the file system: all of `files`, the manifest too."""
        return sum((self.folder / name).stat().st_size for name in self.files)

    @cached_property
    def facts(self) -> dict[str, Any]:
        """All that is known of it: the manifest, and how it was made, from the file beside it.

        UserError if that file (which prediction does without) is missing or another bundle's.
        """
        if "provenance" not in self.manifest:  # of format 1
            return self.manifest
        path = self.folder / PROVENANCE
        again = f"copy it again from where {self.folder} came from, or make the bundle again"
        if not path.is_file():
            raise UserError(
                f"{path}: no such file; the bundle predicts without it, but how it was made (recipe, "
                f"licences) is there: {again}"
            )
        if short_hash(path) != self.manifest["provenance"]:
            raise UserError(f"{path}: damaged, or another bundle's; {again}")
        return {**read_json(path), **self.manifest}


def read_bundle(path: Path | str, *, verify: bool = True) -> Bundle:
    """Open a bundle; UserError says what is there instead, or names a missing or damaged file.

    Files are read for their hashes only with `verify`.
    """
    folder = Path(path)
    if not (folder / MANIFEST).is_file():
        raise UserError(_no_bundle(folder))
    manifest = read_json(folder / MANIFEST, cure="copy or make the bundle again")
    _check_manifest(folder / MANIFEST, manifest)
    if verify:
        whole = "copy the whole bundle again, or delete it and run the workflow again"
        check_files(folder, manifest["files"], cure=whole)
    return Bundle(folder, manifest)


def _no_bundle(folder: Path) -> str:
    """Return the line that says which folder to give instead of this one."""
    expected = f"expected a bundle, a folder with {MANIFEST}"
    if folder.is_file():
        meant = f" (meant {folder.parent}?)" if folder.name == MANIFEST else ""
        return f"{folder}: a file; {expected}{meant}"
    near = next(_nearby(folder), None)
    meant = f" (meant {near}?)" if near else ""
    if (folder / "checkpoint.json").is_file() or (folder / "config.json").is_file():
        return f"{folder}: a checkpoint, which only training reads; {expected}{meant}"
    return f"{folder / MANIFEST}: no such file; {expected}{meant}"


def _nearby(folder: Path) -> Iterator[Path]:
    """Yield bundles that may be meant where a folder is not a bundle, or a variant's name is given."""
    yield from (
        p for p in (folder / "bundle", folder.parent / "bundle") if (p / MANIFEST).is_file()
    )
    name = escape(str(folder))
    inside = ("seed*/bundle", "*/seed*/bundle", "*/*/seed*/bundle")
    places = [f"{name}/{path}" for path in inside]
    if not folder.exists() and not folder.is_absolute():
        places += [
            f"results/{name}/seed*/bundle",
            f"results/*/{name}/seed*/bundle",
            f"results/*/{name}/bundle",
        ]
    for place in places:
        yield from (Path(p).parent for p in sorted(iglob(f"{place}/{MANIFEST}")))


def _check_manifest(path: Path, manifest: Any) -> None:
    """Raise UserError if a manifest lacks what prediction needs."""
    if not isinstance(manifest, dict):
        raise UserError(f"{path}: damaged (not a JSON object); copy or make the bundle again")
    if manifest.get("format", FORMAT) not in READABLE:
        raise UserError(
            f"{path}: format {manifest['format']!r}, this emopress reads {FORMAT} and older; "
            "a newer emopress made it"
        )
    runtime = str(manifest.get("runtime"))
    for key, kind in (KEYS | RUNTIME_KEYS.get(runtime, {})).items():
        if not isinstance(manifest.get(key), kind):
            raise UserError(
                f"{path}: damaged ('{key}' is not of type {kind.__name__}); copy or make the bundle again"
            )
    if not is_table(manifest["files"]):
        raise UserError(
            f"{path}: damaged ('files' is not a table of hashes); copy or make the bundle again"
        )
    if manifest.get("texts_per_call", 1) != 1:
        raise UserError(
            f"{path}: unknown texts_per_call {manifest['texts_per_call']!r}; a newer emopress made it"
        )
    task, thresholds = task_of(manifest), manifest.get("thresholds")
    if task not in (SINGLE, MULTI):
        raise UserError(f"{path}: unknown task {task!r}; a newer emopress made it")
    if task == MULTI and (
        not isinstance(thresholds, list) or len(thresholds) != len(manifest["labels"])
    ):
        raise UserError(
            f"{path}: damaged ('thresholds' does not have one number per label); "
            "copy or make the bundle again"
        )
