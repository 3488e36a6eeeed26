"""Finds every damaged, truncated or missing file below results/ by their recorded hashes."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from emopress.artifact import PROVENANCE, damages, remove_folder, sha256_of
from emopress.errors import UserError
from emopress.jobs.ledger import CHECKSUMS, STATE, SUFFIX, TABLES, record_of, recorded, table_of

ABOUT_JOBS = {"logs", "benchmarks", CHECKSUMS}  # folders that no job reads


@dataclass
class Verdict:
    """How many files have the recorded hash, which have no record, and (file, what is wrong) for all others."""

    checked: int = 0
    unrecorded: list[Path] = field(default_factory=list)
    damaged: list[tuple[Path, str]] = field(default_factory=list)


def _files(results: Path) -> Iterator[Path]:
    """Yield the files below `results` but logs, benchmarks, hashes and hidden ones (what killed jobs left)."""
    for folder, folders, names in os.walk(results):
        inner = Path(folder).relative_to(results)
        hidden = {name for name in folders if name.startswith(".")}
        skipped = ABOUT_JOBS if inner == Path() else set()
        folders[:] = sorted(set(folders) - hidden - skipped)
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def verify(results: Path) -> Verdict:
    """Compare every file below `results` with its recorded hash. UserError if it is not a folder."""
    if not results.is_dir():
        problem = "a file" if results.exists() else "no such folder"
        raise UserError(f"{results}: {problem}; expected the results folder of a study")
    verdict, known = Verdict(), set[Path]()

    def judge(path: Path, expected: str) -> None:
        known.add(path)
        if not path.is_file():
            verdict.damaged.append((path, "missing"))
        elif (actual := sha256_of(path)) != expected:
            verdict.damaged.append((path, f"damaged (expected sha256 {expected}, found {actual})"))
        else:
            verdict.checked += 1

    for place in sorted((results / CHECKSUMS).rglob(f"*{SUFFIX}")):
        path = results / place.relative_to(results / CHECKSUMS).with_suffix("")
        try:
            judge(path, recorded(path, results) or "")
        except UserError as error:
            known.add(path)
            verdict.damaged.append((path, str(error)))
    files = list(_files(results))
    for manifest in (path for path in files if path.name in TABLES):
        try:
            table = table_of(manifest)
        except UserError as error:
            if all(manifest != path for path, _ in verdict.damaged):
                known.add(manifest)
                verdict.damaged.append((manifest, str(error)))
            continue
        if not (record_of(manifest, results).is_file() or (manifest.parent / PROVENANCE).is_file()):
            table.pop(PROVENANCE, None)  # a copy of a bundle may do without
        wrong = list(damages(manifest.parent, table))
        known |= {manifest.parent / name for name in table}
        if manifest.name == "state.json":
            known.add(manifest)
        verdict.checked += len(table) - len(wrong)
        verdict.damaged += wrong
    verdict.unrecorded = [path for path in files if path not in known]
    return verdict


def remove(results: Path, damaged: list[tuple[Path, str]]) -> dict[Path, Path | None]:
    """Remove the artifacts that damaged files belong to, whole folders with their manifest, and their records.

    Returns what was removed -> the file to ask the workflow for, which makes it again; None where the
    workflow does so by itself (an unfinished training run starts again).
    """
    gone: dict[Path, Path | None] = {}
    for path, _ in damaged:
        artifact = _artifact_of(path, results)
        if artifact in gone:
            continue
        outputs = [artifact / name for name in TABLES] if artifact.name != path.name else [artifact]
        if path.name in TABLES:
            outputs = [path]
        made = [file for file in outputs if record_of(file, results).is_file() or file.is_file()]
        if artifact.is_dir() and not artifact.is_symlink():
            remove_folder(artifact)
        else:
            artifact.unlink(missing_ok=True)
        for file in made:
            record_of(file, results).unlink(missing_ok=True)
        by_itself = artifact.name == STATE or not made
        gone[artifact] = None if by_itself else made[0]
    return gone


def _artifact_of(path: Path, results: Path) -> Path:
    """Return the folder with a manifest that a file belongs to, or the file itself."""
    if path.name in TABLES:
        return path.parent
    for folder in path.parents:
        if folder == results:
            break
        manifests = {record_of(folder / name, results) for name in TABLES}
        if (
            folder.name == STATE
            or any((folder / name).is_file() for name in TABLES)
            or any(place.is_file() for place in manifests)
        ):
            return folder
    return path
