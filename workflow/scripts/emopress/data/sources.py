"""Where files (of a data set, word vectors) come from, and the messages for missing ones."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from emopress.data.local_files import local_sha256, read_mapping
from emopress.errors import UserError


class Owner(NamedTuple):
    """The data set or model that files belong to: its name in messages, and the folder of the files in a mirror."""

    title: str
    folder: str


WORD_VECTORS = Owner("word vectors", "vectors")


def data_set(name: str) -> Owner:
    """Return the owner of a data set's files."""
    return Owner(f"data set '{name}'", name)


def is_pinned(source: dict[str, Any]) -> bool:
    """Return whether a hash fixes the content of every file of a source.

    The hash is given in the source or, for a file of this repository, known from an input of the job.
    """
    return all("sha256" in file or "path" in file for file in source["files"])


def with_hashes(
    owner: Owner, source: dict[str, Any], *, mirrors: Sequence[Path], root: Path, dest: Path
) -> dict[str, Any]:
    """Return a source whose local files have the `sha256` that they have now, where the config gives none.

    Local files are those with a `path` below `root`, and those that only a mirror has; if no mirror has one now, what
    was fetched into `dest` counts. A file with a `path` that differs from the config gets the hash `found`, so that it
    is fetched again, and refused.
    """
    fetched = read_mapping(dest / "manifest.json")
    files = []
    for entry in source["files"]:
        name, stated = entry["name"], entry.get("sha256")
        places = [root / entry["path"]] if entry.get("path") else []
        if not places and not stated:
            places = [mirror / source.get("mirrored_as", owner.folder) / name for mirror in mirrors]
        place = next((place for place in places if place.is_file()), None)
        actual = local_sha256(place) if place else fetched.get(name, {}).get("sha256")
        hashes = {"sha256": stated or actual} if stated or actual else {}
        if stated and place and actual != stated:
            hashes["found"] = actual
        files.append(dict(sorted({**entry, **hashes}.items())))
    return {**source, "files": files}


def check_places(
    owner: Owner, source: dict[str, Any], *, mirrors: Sequence[Path], dest: Path
) -> None:
    """Raise UserError, before anything runs, for a file that a fetch into `dest` cannot get anywhere.

    Files of this repository are inputs of the job; what has been fetched already may be gone there.
    """
    fetched = read_mapping(dest / "manifest.json")
    for entry in source["files"]:
        name = entry["name"]
        if entry.get("path") or name in fetched:
            continue
        if mirrors:
            mirrored_file(owner, source.get("mirrored_as", owner.folder), name, mirrors)
        elif not entry.get("url") and not source.get("hub"):
            raise nowhere(owner, name)


def origins(mirrors: Sequence[Path]) -> dict[str, Any]:
    """Return what else, beside the source, decides the origins in the manifest of `fetch_files`."""
    return {"mirrored": bool(mirrors)}


def _mirror_hint(owner: Owner, file: str) -> str:
    return f"a mirror: --config mirror=DIR reads DIR/{owner.folder}/{file}"


def failure(
    owner: Owner,
    file: str,
    origin: str,
    why: str,
    expected: str | None,
    found: str | None = None,
    way: str | None = None,
) -> UserError:
    """Build the one line that every failed fetch ends in, `way` being what to do."""
    hashes = f"; expected sha256 {expected}" if expected else ""
    hashes += f", found {found}" if found else ""
    why = " ".join(why.split())
    way = way or f"try again, or use {_mirror_hint(owner, file)}"
    return UserError(f"{owner.title}, file '{file}': {why}; from {origin}{hashes}; {way}")


def nowhere(owner: Owner, file: str) -> UserError:
    return UserError(
        f"{owner.title}: no place to get '{file}' from; its source needs one of "
        f"path, url, hub, or {_mirror_hint(owner, file)}"
    )


def mirrored_file(owner: Owner, folder: str, file: str, mirrors: Sequence[Path]) -> Path:
    """Return where a mirror has a file; UserError, with all places, if none has it."""
    places = [mirror / folder / file for mirror in mirrors]
    for place in places:
        if place.is_file():
            return place
    looked_at = ", ".join(str(place) for place in places)
    raise UserError(
        f"{owner.title}: no mirror has '{file}'; looked at {looked_at}; "
        "put it there, or leave out --config mirror=DIR to download it"
    )
