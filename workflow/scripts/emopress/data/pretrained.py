"""Fetches pretrained checkpoints and tokenizers from a mirror or the hub, and records what was fetched."""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from emopress.artifact import file_table, linked_or_copied, replaced_folder, sha256_of, write_json
from emopress.data.hub import downloaded, is_commit
from emopress.data.local_files import local_sha256, read_mapping
from emopress.data.mirrors import mirror_hint, mirror_places, mirrored_folder, taken_files
from emopress.data.pretrained_files import check_fetched, check_hashes, expected_hashes
from emopress.errors import UserError

RECORD = "pretrained.json"


def fetch_model(name: str, source: dict[str, Any], *, mirrors: Sequence[Path], dest: Path) -> None:
    """Write the checkpoint `name` and `pretrained.json` into folder `dest`, all or nothing.

    With `mirrors` it is the first folder DIR/models/<name>/ there is; else the hub's
    `source["repo"]` at `source["revision"]`. Only `mirrors.MODEL_FILES` are taken: a checkpoint with its
    weights as pickle only is refused. The record has name, repo, revision (as configured), commit
    (what that was; null from a mirror), licence (from the front matter of README.md, or null),
    origin and, per file, size_bytes and sha256. `source["sha256"]`, where given, is what
    model.safetensors must have, or file -> what each file of weights must have. Every failure is a
    UserError of one line.
    """
    _fetch("model", name, source, mirrors, dest)


def fetch_tokenizer(
    name: str, source: dict[str, Any], *, mirrors: Sequence[Path], dest: Path
) -> None:
    """Write the tokenizer `name` and `pretrained.json` into folder `dest`, as `fetch_model` does.

    A mirror has it as DIR/tokenizers/<name>/ or, beside a checkpoint, in DIR/models/<name>/; a
    tokenizer.json or a vocab.txt suffices.
    """
    _fetch("tokenizer", name, source, mirrors, dest)


def mirrored_files(
    kind: str,
    name: str,
    *,
    mirrors: Sequence[Path],
    dest: Path,
    stated: str | dict[str, str] | None = None,
) -> dict[str, str]:
    """Return the files, name -> SHA-256, that a mirror has of the model or tokenizer (`kind`) `name`.

    These are the files that a fetch into `dest` takes, or took if no mirror has them now, except for weights whose hash
    the config has `stated`. Empty for what comes, or came, from the hub.
    """
    known = expected_hashes(stated) if stated else {}
    record = read_mapping(dest / RECORD)
    if record.get("origin", "mirror") != "mirror":
        return {}
    place = next((place for place in mirror_places(kind, name, mirrors) if place.is_dir()), None)
    if place is not None:
        return {p.name: local_sha256(p) for p in taken_files(kind, place) if p.name not in known}
    fetched = record.get("files", {}).items()
    return {file: facts["sha256"] for file, facts in fetched if file not in known}


def check_source(
    kind: str, name: str, source: dict[str, Any], *, mirrors: Sequence[Path], dest: Path
) -> None:
    """Raise UserError, before anything runs, if a fetch into `dest` has no place to fetch from.

    That is a mirror without the folder, or neither a mirror nor a hub. What has been fetched already may be gone there.
    """
    if (dest / RECORD).is_file():
        return
    if mirrors:
        mirrored_folder(kind, name, mirrors)
    else:
        _on_the_hub(kind, name, source)


def is_pinned(source: dict[str, Any], mirrors: Sequence[Path]) -> bool:
    """Return whether a checkpoint's or tokenizer's source says which files it has, all of them.

    Of a mirror only the weights' hash is known, if that.
    """
    return not mirrors and is_commit(source.get("revision"))


def _fetch(
    kind: str, name: str, source: dict[str, Any], mirrors: Sequence[Path], dest: Path
) -> None:
    commit = None
    if mirrors:
        original = mirrored_folder(kind, name, mirrors)
        origin = f"mirror {original}"
    else:
        repo, revision = _on_the_hub(kind, name, source)
        original, commit = downloaded(kind, name, repo, revision)
        origin = f"hub {repo} at {commit}"
    with _alone_at(original), replaced_folder(dest) as folder:
        for path in taken_files(kind, original):
            _copy_once(path, folder / path.name, others=dest.parent)
        check_fetched(kind, name, folder, origin)
        files = file_table(folder)
        if kind == "model" and "sha256" in source:
            check_hashes(name, source["sha256"], files, origin)
        record = {
            "name": name,
            "repo": source.get("repo"),
            "revision": source.get("revision"),
            "commit": commit,
            "licence": licence_of(folder / "README.md"),
            "origin": "mirror" if mirrors else origin,  # no path of a machine goes into an artifact
            "files": files,
        }
        write_json(folder / RECORD, record)


@contextmanager
def _alone_at(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder, so that of two jobs that copy it the second one sees the files of the first."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # a file system without locks: at worst both copy
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _copy_once(source: Path, target: Path, *, others: Path) -> None:
    """Copy a file; of weights that a model beside it in `others` has already, make a hard link to those.

    Models of one checkpoint (under two names, in a data set's own settings) take its room once.
    """
    if source.suffix == ".safetensors":
        size = source.stat().st_size
        for record in sorted(others.glob(f"[!.]*/{RECORD}")):
            facts = read_mapping(record).get("files", {}).get(source.name, {})
            there = record.with_name(source.name)
            if facts.get("size_bytes") != size or not there.is_file():
                continue
            if sha256_of(there) == local_sha256(source):
                linked_or_copied(there, target)
                return
    shutil.copyfile(source, target)


def _on_the_hub(kind: str, name: str, source: dict[str, Any]) -> tuple[str, str]:
    """Return repository and revision of a source; UserError if it has none."""
    repo, revision = source.get("repo"), source.get("revision")
    if not repo or not revision:
        raise UserError(
            f"{kind} '{name}': its source needs repo and revision, or {mirror_hint(kind, name)}"
        )
    return repo, revision


def licence_of(readme: Path) -> str | None:
    """Return the licence that a model card's YAML front matter states, or None."""
    import yaml

    if not readme.is_file():
        return None
    text = readme.read_text(encoding="utf-8", errors="replace")
    front = re.match(r"---\s*\n(.*?)\n---", text, flags=re.DOTALL)
    try:
        facts = yaml.safe_load(front[1]) if front else None
    except yaml.YAMLError:
        return None  # a damaged card states no licence that can be read
    if not isinstance(facts, dict):
        return None
    # BanglaBERT's card has the key in the plural.
    stated = facts.get("license") or facts.get("licence") or facts.get("licenses")
    if isinstance(stated, list):
        stated = ", ".join(str(item) for item in stated)
    return str(stated) if stated else None
