"""Fetches pretrained checkpoints and tokenizers from a mirror or the hub, and records what came."""

import fcntl
import fnmatch
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from emopress.artifact import (
    file_table,
    linked_or_copied,
    replaced_folder,
    sha256_of,
    write_json,
)
from emopress.data.pretrained_files import check_checkpoint, check_tokenizer
from emopress.errors import UserError
from emopress.local_files import local_sha256, read_mapping

TOKENIZER_FILES = [
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "README.md",
    "LICENSE*",
]
RECORD = "pretrained.json"
WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"  # of weights in shards: which tensor is in which file
ADAPTERS = "adapter_config.json"  # fetched to be refused
MODEL_FILES = [WEIGHTS, INDEX, "model-*-of-*.safetensors", ADAPTERS, *TOKENIZER_FILES]


def fetch_model(name: str, source: dict[str, Any], *, mirrors: Sequence[Path], dest: Path) -> None:
    """Write the checkpoint `name` and `pretrained.json` into folder `dest`, all or nothing.

    With `mirrors` it is the first folder DIR/models/<name>/ there is; else the hub's
    `source["repo"]` at `source["revision"]`. Only `MODEL_FILES` are taken: a checkpoint with its
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

    Those that a fetch into `dest` takes, or took where no mirror has them now, but for weights whose
    hash the config has `stated`. Empty of what comes, or came, from the hub.
    """
    known = _expected(stated) if stated else {}
    record = read_mapping(dest / RECORD)
    if record.get("origin", "mirror") != "mirror":
        return {}
    place = next((place for place in _places(kind, name, mirrors) if place.is_dir()), None)
    if place is not None:
        return {p.name: local_sha256(p) for p in _taken(kind, place) if p.name not in known}
    fetched = record.get("files", {}).items()
    return {file: facts["sha256"] for file, facts in fetched if file not in known}


def check_source(
    kind: str, name: str, source: dict[str, Any], *, mirrors: Sequence[Path], dest: Path
) -> None:
    """Raise UserError, before anything runs, where a fetch into `dest` has nowhere to fetch from.

    That is a mirror without the folder, or neither a mirror nor a hub. What was fetched already may go.
    """
    if (dest / RECORD).is_file():
        return
    if mirrors:
        _mirrored(kind, name, mirrors)
    else:
        _on_the_hub(kind, name, source)


def is_commit(revision: Any) -> bool:
    """Return whether a hub revision is a full commit id, whose files never change."""
    return bool(re.fullmatch(r"[0-9a-f]{40}", str(revision)))


def is_pinned(source: dict[str, Any], mirrors: Sequence[Path]) -> bool:
    """Return whether a checkpoint's or tokenizer's source says which files it has, all of them.

    Of a mirror only the weights' hash is known, if that.
    """
    return not mirrors and is_commit(source.get("revision"))


def resolve_revision(repo: str, revision: str) -> str:
    """Return the commit that a branch, tag or commit of a hub repository stands for.

    A full commit id is returned as it is, without asking the hub.
    """
    if is_commit(revision):
        return revision
    import huggingface_hub

    try:
        commit = huggingface_hub.HfApi().repo_info(repo, revision=revision).sha
    except Exception as error:  # the hub's client raises many kinds, and none is swallowed
        refused = _no_access(repo, error)
        if refused:
            raise UserError(f"hub repository {repo}: {refused}") from None
        raise UserError(
            _not_there(repo, revision, error)
            or f"hub repository {repo}: cannot resolve revision '{revision}' ({_one_line(error)})"
        ) from error
    if not commit:
        raise UserError(f"hub repository {repo}: revision '{revision}' has no commit")
    return commit


def _fetch(
    kind: str, name: str, source: dict[str, Any], mirrors: Sequence[Path], dest: Path
) -> None:
    commit = None
    if mirrors:
        found = _mirrored(kind, name, mirrors)
        origin = f"mirror {found}"
    else:
        repo, revision = _on_the_hub(kind, name, source)
        found, commit = _downloaded(kind, name, repo, revision)
        origin = f"hub {repo} at {commit}"
    with _alone_at(found), replaced_folder(dest) as folder:
        for path in _taken(kind, found):
            _copy_once(path, folder / path.name, others=dest.parent)
        _check(kind, name, folder, origin)
        files = file_table(folder)
        if kind == "model" and "sha256" in source:
            _check_hashes(name, source["sha256"], files, origin)
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
    """Hold a lock on a folder: of two jobs that copy it, the second one finds the files of the first."""
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
    """Return repository and revision of a source; UserError if it is on no hub."""
    repo, revision = source.get("repo"), source.get("revision")
    if not repo or not revision:
        raise UserError(
            f"{kind} '{name}': its source needs repo and revision, or {_hint(kind, name)}"
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


def _taken(kind: str, folder: Path) -> list[Path]:
    """Return the files of a checkpoint's or tokenizer's folder that are copied."""
    patterns = MODEL_FILES if kind == "model" else TOKENIZER_FILES
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and any(fnmatch.fnmatchcase(path.name, pattern) for pattern in patterns)
    ]


def _places(kind: str, name: str, mirrors: Sequence[Path]) -> list[Path]:
    """Return the folders that a mirrored model or tokenizer is looked for in, in this order."""
    folders = ["models"] if kind == "model" else ["tokenizers", "models"]
    return [mirror / folder / name for mirror in mirrors for folder in folders]


def _mirrored(kind: str, name: str, mirrors: Sequence[Path]) -> Path:
    places = _places(kind, name, mirrors)
    for place in places:
        if place.is_dir():
            return place
    looked_at = ", ".join(f"{place}/" for place in places)
    raise UserError(
        f"{kind} '{name}': no mirror has it; looked at {looked_at}; put its Hugging Face folder "
        "there, or leave out --config mirror=DIR to download it"
    )


def _downloaded(kind: str, name: str, repo: str, revision: str) -> tuple[Path, str]:
    """Return the hub client's folder of a repository at a commit, and the commit."""
    import huggingface_hub

    commit = resolve_revision(repo, revision)
    patterns = MODEL_FILES if kind == "model" else TOKENIZER_FILES
    try:
        folder = huggingface_hub.snapshot_download(repo, revision=commit, allow_patterns=patterns)
    except Exception as error:  # the hub's client raises many kinds, and none is swallowed
        refused = _no_access(repo, error)
        if refused:
            raise UserError(
                f"{kind} '{name}': hub repository {repo}: {refused}, or use {_hint(kind, name)}"
            ) from None
        absent = _not_there(repo, commit, error)
        if absent:
            raise UserError(f"{kind} '{name}': {absent}, or use {_hint(kind, name)}") from error
        raise UserError(
            f"{kind} '{name}': cannot download hub repository {repo} at {commit} "
            f"({_one_line(error)}); try again, or use {_hint(kind, name)}"
        ) from error
    return Path(folder), commit


def _check(kind: str, name: str, folder: Path, origin: str) -> None:
    if (folder / ADAPTERS).is_file() and kind == "model":
        raise UserError(
            f"model '{name}': {origin} has adapters ({ADAPTERS}), which are not read; merge them into their base "
            f"model (peft's merge_and_unload), save it whole and use {_hint(kind, name)}"
        )
    if not any((folder / file).is_file() for file in ("tokenizer.json", "vocab.txt")):
        raise UserError(f"{kind} '{name}': {origin} has neither tokenizer.json nor vocab.txt")
    if kind == "tokenizer":
        check_tokenizer(folder, f"tokenizer '{name}': {origin}")
        return
    if not (folder / "config.json").is_file():
        raise UserError(f"model '{name}': {origin} has no config.json")
    if (folder / INDEX).is_file():
        _check_shards(kind, name, folder, origin)
    elif not (folder / WEIGHTS).is_file():
        raise UserError(
            f"model '{name}': {origin} has no model.safetensors, and pickle checkpoints "
            "(pytorch_model.bin) are never loaded; pin a revision that has it (on the hub often "
            "the commit of a conversion pull request), or convert it once elsewhere "
            "(from_pretrained, then save_pretrained) and "
            f"use {_hint(kind, name)}"
        )
    check_checkpoint(folder, f"model '{name}': {origin}")


def _expected(stated: str | dict[str, str]) -> dict[str, str]:
    """Return file -> SHA-256 of the weights, of what the config states."""
    return stated if isinstance(stated, dict) else {WEIGHTS: stated}


def _check_hashes(
    name: str, stated: str | dict[str, str], files: dict[str, dict[str, Any]], origin: str
) -> None:
    """Raise UserError unless every file of weights has the stated hash, and no other is stated."""
    expected = _expected(stated)
    for file, sha256 in expected.items():
        found = files.get(file, {}).get("sha256")
        if found != sha256:
            raise UserError(
                f"model '{name}': {origin}: wrong {file}, expected sha256 {sha256}, found {found}; "
                "another checkpoint lies there, or a damaged one"
            )
    unnamed = [file for file in files if file.endswith(".safetensors") and file not in expected]
    if unnamed:
        raise UserError(
            f"model '{name}': {origin}: sha256 does not tell that of {', '.join(unnamed)}; "
            "give it as file: hash, a line for each file of weights"
        )


def _check_shards(kind: str, name: str, folder: Path, origin: str) -> None:
    try:
        index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
        shards = set(index["weight_map"].values())
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{kind} '{name}': {origin}: {INDEX} is damaged ({_one_line(error)})"
        ) from None
    absent = sorted(file for file in shards if not (folder / file).is_file())
    if absent:
        raise UserError(f"{kind} '{name}': {origin} lacks {', '.join(absent)}, which {INDEX} names")


def _hint(kind: str, name: str) -> str:
    return f"a mirror: --config mirror=DIR reads DIR/{kind}s/{name}/"


def _no_access(repo: str, error: Exception) -> str | None:
    """Return what to do about a repository that the hub refuses (401, 403), None for other errors.

    The hub answers 401 for a private repository and for one that is not there alike. Neither the
    token nor the hub's own text is repeated.
    """
    cause: BaseException | None = error  # the client may raise another error from the hub's answer
    while cause and getattr(getattr(cause, "response", None), "status_code", 0) not in (401, 403):
        cause = cause.__cause__
    if not cause:
        return None
    status = cause.response.status_code  # type: ignore[attr-defined]
    return (
        f"no access (HTTP status {status}): it is gated, private or not there; accept its terms on "
        f"https://huggingface.co/{repo} with your account, then put a token of that account that may "
        "read it into the environment variable HF_TOKEN"
    )


def _not_there(repo: str, revision: str, error: Exception) -> str | None:
    """Return what is not there: the repository, the revision, or the hub as a whole; None for other errors."""
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    causes: list[BaseException] = [error]
    while causes[-1].__cause__ is not None:
        causes.append(causes[-1].__cause__)
    for cause in causes:
        if isinstance(cause, RevisionNotFoundError):
            return f"hub repository {repo} has no revision {revision}; correct `revision` in the config"
        if isinstance(cause, RepositoryNotFoundError):
            return f"there is no hub repository {repo}; correct `hub` in the config"
        if type(cause).__name__ in ("ConnectError", "ConnectTimeout", "OfflineModeIsEnabled"):
            what = " ".join(str(cause).split())
            return (
                f"no connection to the hub for repository {repo} ({what}); try again with a network"
            )
    return None


def _one_line(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"
