"""Fetches files (a data set's, word vectors) from a mirror, the repository, the web or the hub, and checks them."""

import csv
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TextIO

from emopress.artifact import replaced_folder, sha256_of, write_json
from emopress.data.sources import Owner, failure, mirrored_file, nowhere
from emopress.errors import UserError, kind_and_text


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
                raise nowhere(owner, file)
            sha256 = sha256_of(target)
            if expected is not None and sha256 != expected:
                way = _OWN_WAY if entry.get("path") else None
                raise failure(owner, file, origin, "wrong checksum", expected, sha256, way)
            manifest[file] = {
                "size_bytes": target.stat().st_size,
                "sha256": sha256,
                # No path of a machine goes into an artifact.
                "origin": "mirror" if origin.startswith("mirror ") else origin,
            }
        write_json(folder / "manifest.json", manifest)
    shutil.rmtree(cache, ignore_errors=True)  # only what is now in dest


_OWN_WAY = "put back the file that is meant, or correct sha256 in the config"


def _copy_own(owner: Owner, path: Path, target: Path) -> str:
    if not path.is_file():
        raise UserError(f"{owner.title}: no file {path}; the config's `path` names it")
    shutil.copyfile(path, target)
    return f"file {path.name} of this repository"


def _copy_mirrored(
    owner: Owner, folder: str, file: str, mirrors: Sequence[Path], target: Path
) -> str:
    place = mirrored_file(owner, folder, file, mirrors)
    shutil.copyfile(place, target)
    return f"mirror {place}"


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
            raise failure(owner, file, url, reason_of(error), expected) from error
        except ValueError as error:  # pooch: another hash; the file is gone
            if downloader.resumed and not last:
                continue  # the pieces may be of two versions: once more, from the first byte
            raise failure(
                owner, file, url, "wrong checksum", expected, downloader.sha256
            ) from error
        shutil.copyfile(path, target)
        return


def _load_hub(owner: Owner, entry: dict[str, Any], hub: dict[str, Any], attempts: int) -> Any:
    """Return the splits of a hub data set; any error of the hub's libraries becomes one line."""
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
        why = f"cannot be loaded ({kind_and_text(error)})"
        raise failure(owner, entry["name"], origin, why, entry.get("sha256")) from error


def _write_rows(
    owner: Owner,
    entry: dict[str, Any],
    splits: Any,
    origin: str,
    labels: Sequence[str],
    separator: str,
    target: Path,
) -> None:
    """Write one split of a hub data set as the file that was published first."""
    file, split, expected = entry["name"], entry.get("split"), entry.get("sha256")
    if expected is None:
        raise UserError(f"{owner.title}: '{file}' is from the hub but has no sha256; add it")
    if split not in splits:
        raise failure(owner, file, origin, f"has no split '{split}'", expected)
    rows = splits[split]
    column = "labels" if target.suffix.lower() == ".tsv" else "label"
    missing = {"text", column} - set(rows.column_names)
    if missing:
        raise failure(owner, file, origin, f"has no column {sorted(missing)}", expected)
    feature = rows.features[column]
    hub_names = getattr(getattr(feature, "feature", feature), "names", None)  # of a list's items
    if hub_names is not None and list(hub_names) != list(labels):
        why = f"its labels are {list(hub_names)}, the config's are {list(labels)}"
        raise failure(owner, file, origin, why, expected)
    with target.open("w", encoding="utf-8", newline="") as stream:
        if target.suffix.lower() == ".tsv":
            table = zip(*(rows[column] for column in rows.column_names), strict=True)
            _write_table(table, separator, stream)
            return
        for text, label in zip(rows["text"], rows["label"], strict=True):
            if not 0 <= label < len(labels):
                raise failure(owner, file, origin, f"label {label} is not in the config", expected)
            stream.write(f"{text};{labels[label]}\n")


def _write_table(rows: Iterable[tuple[Any, ...]], separator: str, stream: TextIO) -> None:
    """Write rows as tab-separated lines, quoted where a cell needs it."""
    writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
    for row in rows:
        cells = (separator.join(map(str, c)) if isinstance(c, list) else c for c in row)
        writer.writerow(list(cells))
