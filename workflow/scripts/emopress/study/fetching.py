"""The params of jobs that fetch files: sources with hashes, and only what shapes the result."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from emopress.data.formats import KEYS
from emopress.data.pretrained import check_source, mirrored_files
from emopress.data.sources import Owner, check_places, with_hashes

Entry = Mapping[str, Any]
# Of a data set's entry: what is said of its texts, not done to them.
DESCRIBED = ("title", "demo", "licence", "licence_url", "citation")


def _source_without(entry: Entry, keys: Collection[str]) -> dict[str, Any]:
    files = [{k: v for k, v in f.items() if k not in keys} for f in entry["source"]["files"]]
    return {**entry["source"], "files": files}


def described(entry: Entry) -> dict[str, Any]:
    """Return what the data card says of a data set beside its counts."""
    return {key: value for key, value in entry.items() if key in DESCRIBED}


def prepared(entry: Entry) -> dict[str, Any]:
    """Return what shapes a data set's tables; what the files hold, an input says."""
    kept = {key: value for key, value in entry.items() if key not in DESCRIBED}
    return {**kept, "source": _source_without(entry, ("sha256",))}


def data_source(entry: Entry) -> dict[str, Any]:
    """Return where a data set's files come from, without how they are read."""
    return _source_without(entry, KEYS)


def local_files(entry: Entry) -> list[str]:
    """Return the files of a data set that lie in this repository."""
    return [file["path"] for file in entry["source"]["files"] if "path" in file]


def vector_files(models: Mapping[str, Entry]) -> dict[str, dict[str, Any]]:
    """Return the files of word vectors by their names; models that share one agree on its url and sha256."""
    vectors = [entry["vectors"] for entry in models.values() if "file" in entry.get("vectors", {})]
    return {
        one["file"]: {"name": one["file"], **{k: one[k] for k in ("url", "sha256") if k in one}}
        for one in vectors
    }


def hashed(
    owner: Owner, source: dict[str, Any], *, mirrors: Sequence[Path], root: Path, dest: Path
) -> dict[str, Any]:
    """Return a source with the hashes of its local files, whose times may lie.

    UserError if a file is in no mirror, or nowhere at all.
    """
    check_places(owner, source, mirrors=mirrors, dest=dest)
    return with_hashes(owner, source, mirrors=mirrors, root=root, dest=dest)


def name_in_mirror(kind: str, name: str, entry: Entry) -> str:
    """Return the folder that a model, or its tokenizer (`kind`), has in a mirror, given the model's entry."""
    if kind == "model":
        return str(entry.get("mirrored_as", name))
    return str(entry["tokenizer"].get("from_mirror", name))


def published_source(
    kind: str, name: str, entry: Entry, *, mirrors: Sequence[Path], dest: Path
) -> dict[str, Any]:
    """Return what identifies a published model or its tokenizer: repo and revision on the hub, and hashes.

    UserError if it is in no mirror, or nowhere at all.
    """
    folder = name_in_mirror(kind, name, entry)
    published = entry if kind == "model" else entry["tokenizer"]
    source = {"sha256": published["sha256"]} if "sha256" in published else {}
    if "hub" in published:
        source |= {"repo": published["hub"], "revision": published.get("revision", "main")}
    check_source(kind, folder, source, mirrors=mirrors, dest=dest)
    files = mirrored_files(kind, folder, mirrors=mirrors, dest=dest, stated=published.get("sha256"))
    return source | ({"mirrored": files} if files else {})
