"""Fetches files (a data set's, word vectors) from a mirror, the repository, the web or the hub, and checks them."""

import csv
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from emopress.artifact import replaced_folder, sha256_of, write_json
from emopress.errors import UserError
from emopress.local_files import local_sha256, read_mapping


class Owner(NamedTuple):
    """Whose the files are: what messages call it, and the folder of a mirror that they lie in."""

    title: str
    folder: str


WORD_VECTORS = Owner("word vectors", "vectors")


def data_set(name: str) -> Owner:
    """Return the owner of a data set's files."""
    return Owner(f"data set '{name}'", name)


def is_pinned(source: dict[str, Any]) -> bool:
    """Return whether a hash tells the content of every file of a source.

    It stands in the source, or, of a file of this repository, is that of an input of the job.
    """
    return all("sha256" in file or "path" in file for file in source["files"])


def with_hashes(
    owner: Owner, source: dict[str, Any], *, mirrors: Sequence[Path], root: Path, dest: Path
) -> dict[str, Any]:
    """Return a source whose local files have the `sha256` that they have now, where the config gives none.

    Local are those with a `path` below `root`, and those that a mirror alone has; where no mirror has
    one now, it is what was fetched into `dest`. A file with a `path` that is not what the config says
    gets the hash `found`, so that it is fetched again, and refused.
    """
    fetched = read_mapping(dest / "manifest.json")
    files = []
    for entry in source["files"]:
        name, stated = entry["name"], entry.get("sha256")
        places = [root / entry["path"]] if entry.get("path") else []
        if not places and not stated:
            places = [mirror / source.get("mirrored_as", owner.folder) / name for mirror in mirrors]
        place = next((place for place in places if place.is_file()), None)
        found = local_sha256(place) if place else fetched.get(name, {}).get("sha256")
        hashes = {"sha256": stated or found} if stated or found else {}
        if stated and place and found != stated:
            hashes["found"] = found
        files.append(dict(sorted({**entry, **hashes}.items())))
    return {**source, "files": files}


def check_places(
    owner: Owner, source: dict[str, Any], *, mirrors: Sequence[Path], dest: Path
) -> None:
    """Raise UserError, before anything runs, for a file that a fetch into `dest` finds in no place.

    Those of this repository are inputs of the job; what was fetched already may go.
    """
    fetched = read_mapping(dest / "manifest.json")
    for entry in source["files"]:
        name = entry["name"]
        if entry.get("path") or name in fetched:
            continue
        if mirrors:
            _mirrored(owner, source.get("mirrored_as", owner.folder), name, mirrors)
        elif not entry.get("url") and not source.get("hub"):
            raise _nowhere(owner, name)


def origins(mirrors: Sequence[Path]) -> dict[str, Any]:
    """Return what decides, beside the source, which origins the manifest of `fetch_files` names."""
    return {"mirrored": bool(mirrors)}


def fetch_files(
    owner: Owner,
    source: dict[str, Any],
    *,
    mirrors: Sequence[Path],
    root: Path,
    dest: Path,
    labels: Sequence[str] = (),
    separator: str = ",",
    cache: Path | None = None,
    attempts: int = 5,
    backoff_s: float = 1.0,
    timeout_s: float = 30.0,
    progress: bool = True,
) -> None:
    """Write the files of `source["files"]` and `manifest.json` into folder `dest`, all or nothing.

    Where a file comes from: its `path` below `root` if it has one (files of this repository); with
    `mirrors`, from the first folder DIR that has DIR/<folder>/<file>, `source["mirrored_as"]` in
    the folder's place; else its `url`; else `source["hub"]` (repo, config, revision), whose rows are
    written as the data set was first published: into a `.txt` file as lines `text;label` with the
    names in `labels` (those that the files use), into a `.tsv` file as all columns, without a
    header, lists joined by `separator`. The manifest maps each file to size_bytes, sha256 and
    origin. A given `sha256` is always checked, and a file from the web or the hub must have one.
    Partial downloads wait in folder `cache` (default: `.download` beside `dest`) for the next try.
    Every failure is a UserError of one line; `dest` then stays as it was.
    """
    cache = cache or dest.parent / ".download"
    options = {
        "attempts": attempts,
        "backoff_s": backoff_s,
        "timeout_s": timeout_s,
        "progress": progress,
    }
    hub_splits: Any = None
    manifest = {}
    with replaced_folder(dest) as folder:
        for entry in source["files"]:
            file, expected = entry["name"], entry.get("sha256")
            if Path(file).name != file or file == "manifest.json":
                raise UserError(f"{owner.title}: '{file}' is not a plain file name")
            target = folder / file
            if entry.get("path"):
                origin = _copy_own(owner, root / entry["path"], target)
            elif mirrors:
                origin = _copy_mirrored(
                    owner, source.get("mirrored_as", owner.folder), file, mirrors, target
                )
            elif entry.get("url"):
                origin = entry["url"]
                _download(owner, file, origin, expected, cache, target, options)
            elif source.get("hub"):
                hub = source["hub"]
                origin = f"hub data set {hub['repo']} at {hub['revision']}"
                if hub_splits is None:
                    hub_splits = _load_hub(owner, entry, hub, attempts)
                _write_rows(owner, entry, hub_splits, origin, labels, separator, target)
            else:
                raise _nowhere(owner, file)
            found = sha256_of(target)
            if expected is not None and found != expected:
                way = _OWN_WAY if entry.get("path") else None
                raise _failure(owner, file, origin, "wrong checksum", expected, found, way)
            manifest[file] = {
                "size_bytes": target.stat().st_size,
                "sha256": found,
                # No path of a machine goes into an artifact.
                "origin": "mirror" if origin.startswith("mirror ") else origin,
            }
        write_json(folder / "manifest.json", manifest)
    shutil.rmtree(cache, ignore_errors=True)  # only what is now in dest


def _mirror_hint(owner: Owner, file: str) -> str:
    return f"a mirror: --config mirror=DIR reads DIR/{owner.folder}/{file}"


_OWN_WAY = "put back the file that is meant, or correct sha256 in the config"


def _failure(
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


def _copy_own(owner: Owner, path: Path, target: Path) -> str:
    if not path.is_file():
        raise UserError(f"{owner.title}: no file {path}; the config's `path` names it")
    shutil.copyfile(path, target)
    return f"file {path.name} of this repository"


def _copy_mirrored(
    owner: Owner, folder: str, file: str, mirrors: Sequence[Path], target: Path
) -> str:
    place = _mirrored(owner, folder, file, mirrors)
    shutil.copyfile(place, target)
    return f"mirror {place}"


def _nowhere(owner: Owner, file: str) -> UserError:
    return UserError(
        f"{owner.title}: no place to get '{file}' from; its source needs one of "
        f"path, url, hub, or {_mirror_hint(owner, file)}"
    )


def _mirrored(owner: Owner, folder: str, file: str, mirrors: Sequence[Path]) -> Path:
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


def _download(
    owner: Owner,
    file: str,
    url: str,
    expected: str | None,
    cache: Path,
    target: Path,
    options: dict[str, Any],
) -> None:
    """Download `url` to `target` through pooch; a partial file of an earlier try is continued."""
    import pooch
    import requests

    from emopress.data.download import ResumingDownloader, reason_of

    if expected is None:
        raise UserError(f"{owner.title}: '{file}' has a url but no sha256; add it to the config")
    cache.mkdir(parents=True, exist_ok=True)
    for last in (False, True):
        downloader = ResumingDownloader(cache / f"{file}.part", **options)
        try:
            path = pooch.retrieve(
                url, f"sha256:{expected}", fname=file, path=cache, downloader=downloader
            )
        except requests.exceptions.RequestException as error:
            raise _failure(owner, file, url, reason_of(error), expected) from error
        except ValueError as error:  # pooch: another hash; the file is gone
            if downloader.resumed and not last:
                continue  # the pieces may be of two versions: once more, from the first byte
            raise _failure(
                owner, file, url, "wrong checksum", expected, downloader.sha256
            ) from error
        shutil.copyfile(path, target)
        return


def _load_hub(owner: Owner, entry: dict[str, Any], hub: dict[str, Any], attempts: int) -> Any:
    """Return the hub data set's splits; whatever the hub's libraries raise becomes one line."""
    import datasets

    try:
        return datasets.load_dataset(
            hub["repo"],
            hub.get("config"),
            revision=hub["revision"],
            download_config=datasets.DownloadConfig(max_retries=attempts),
        )
    except Exception as error:  # these libraries raise dozens of kinds, and none is swallowed
        origin = f"hub data set {hub['repo']} at {hub['revision']}"
        why = f"cannot be loaded ({type(error).__name__}: {error})"
        raise _failure(owner, entry["name"], origin, why, entry.get("sha256")) from error


def _write_rows(
    owner: Owner,
    entry: dict[str, Any],
    splits: Any,
    origin: str,
    labels: Sequence[str],
    separator: str,
    target: Path,
) -> None:
    """Write one split of a hub data set as the file that was first published."""
    file, split, expected = entry["name"], entry.get("split"), entry.get("sha256")
    if expected is None:
        raise UserError(f"{owner.title}: '{file}' is from the hub but has no sha256; add it")
    if split not in splits:
        raise _failure(owner, file, origin, f"has no split '{split}'", expected)
    rows = splits[split]
    column = "labels" if target.suffix.lower() == ".tsv" else "label"
    missing = {"text", column} - set(rows.column_names)
    if missing:
        raise _failure(owner, file, origin, f"has no column {sorted(missing)}", expected)
    feature = rows.features[column]
    hub_names = getattr(getattr(feature, "feature", feature), "names", None)  # of a list's items
    if hub_names is not None and list(hub_names) != list(labels):
        why = f"its labels are {list(hub_names)}, the config's are {list(labels)}"
        raise _failure(owner, file, origin, why, expected)
    with target.open("w", encoding="utf-8", newline="") as stream:
        if target.suffix.lower() == ".tsv":
            table = zip(*(rows[column] for column in rows.column_names), strict=True)
            _write_table(table, separator, stream)
            return
        for text, label in zip(rows["text"], rows["label"], strict=True):
            if not 0 <= label < len(labels):
                raise _failure(owner, file, origin, f"label {label} is not in the config", expected)
            stream.write(f"{text};{labels[label]}\n")


def _write_table(rows: Iterable[tuple[Any, ...]], separator: str, stream: TextIO) -> None:
    """Write rows as tab-separated lines, quoted where a cell needs it."""
    writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
    for row in rows:
        cells = (separator.join(map(str, c)) if isinstance(c, list) else c for c in row)
        writer.writerow(list(cells))
