"""The cache that workflows share: artifacts that another one made from the same code, parameters and inputs.

Snakemake's own store is not used. It moves declared outputs only, while a manifest's files lie beside it
undeclared; its key leaves out wildcards (the seed) and library versions; it puts links to another place
into results/; and two writers of several files can mix theirs. `--cache` and $SNAKEMAKE_OUTPUT_CACHE are
as Snakemake has them.
"""

import hashlib
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from emopress.artifact import (
    file_table,
    read_json,
    remove_folder,
    replaced_file,
    replaced_folder,
    sha256_of,
    write_json,
)
from emopress.errors import UserError
from emopress.jobs.code import code_hash
from emopress.jobs.job import warn
from emopress.jobs.ledger import STATE, TABLES

FORMAT = 1  # of the key and of an entry
ENTRY = "entry.json"  # the manifest of an entry, hash table of all its files
LIBRARIES = (  # whose version can change what a job makes
    *("torch", "transformers", "tokenizers", "safetensors", "scikit-learn", "numpy", "scipy"),
    *("pandas", "pyarrow", "openpyxl", "datasets", "onnxruntime", "openvino", "regex", "emopress"),
)
BESIDE = ("ahead", "context")  # params that do not shape a job's outputs


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def library_facts() -> dict[str, Any]:
    """Return Python's version and that of each of LIBRARIES, None for one that is not installed."""
    return {
        "libraries": {name: _version(name) for name in LIBRARIES},
        "python": platform.python_version(),
    }


def key_of(snakemake: Any, threads: int, facts: dict[str, Any]) -> str:
    """Return a hash of all that a job's outputs depend on.

    Code (of the stamp, `jobs.code`) and inputs by their content, not their path (a manifest's content
    stands for the files beside it), the params that shape them (all but BESIDE) and wildcards, `threads`, Python and
    LIBRARIES, and `facts`.
    """
    content = {
        "format": FORMAT,
        "rule": snakemake.rule,
        "code": code_hash(snakemake.input.code),
        "inputs": {
            name: [sha256_of(path) for path in ([paths] if isinstance(paths, str) else paths)]
            for name, paths in snakemake.input.items()
            if name != "code"
        },
        "params": {name: value for name, value in snakemake.params.items() if name not in BESIDE},
        "wildcards": dict(snakemake.wildcards.items()),
        "threads": threads,
        **library_facts(),
        "facts": facts,
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def cached(
    snakemake: Any,
    make: Callable[[], None],
    *,
    threads: int = 1,
    facts: dict[str, Any] | None = None,
    pinned: bool = True,
) -> None:
    """Put the outputs of a job in place: from the cache if they are there, else by `make()`.

    An output that is a manifest stands for its folder. `facts` is what else shapes the outputs, beside what the job
    declares; where that is not fully known (not `pinned`) the cache is not used. What comes from the cache is checked
    by its hashes; a damaged entry is discarded and made again, with a warning. A cache that cannot be written causes a
    warning, not a failure.
    """
    root = snakemake.params.context.cache
    if not root or not pinned:
        make()
        return
    entry = Path(root) / f"{snakemake.rule}-{key_of(snakemake, threads, facts or {})}"
    artifacts = _artifacts(snakemake.output)
    if entry.is_dir():
        try:
            _check(entry)
            for name, place in artifacts.items():
                _fetch(entry / name, place)
                if place.is_dir():
                    remove_folder(place.with_name(STATE))
        except UserError as error:
            warn(f"{snakemake.rule}: the cached copy is discarded and made again: {error}")
            try:
                _discard(entry)
            except OSError as refused:
                warn(
                    f"{snakemake.rule}: it cannot be removed from the cache {root}: {refused.strerror}"
                )
        except OSError:
            if entry.is_dir():
                raise
            warn(f"{snakemake.rule}: another job discarded the cached copy; made again")
        else:
            warn(f"{snakemake.rule}: from the cache, {entry.name}")
            return
    make()
    try:
        _store(entry, artifacts)
    except OSError as error:
        warn(f"{snakemake.rule}: not kept in the cache {root}: {error.strerror or error}")


def _artifacts(output: Any) -> dict[str, Path]:
    """Return output name -> its file, or its folder where the output is a manifest."""
    places = {name: Path(path) for name, path in output.items()}
    return {name: p.parent if p.name in TABLES else p for name, p in places.items()}


def _check(entry: Path) -> None:
    """Raise UserError unless an entry holds the files that it was stored with, and these are sound."""
    table = read_json(entry / ENTRY)
    files = {name: facts for name, facts in file_table(entry).items() if name != ENTRY}
    if files != table:
        stored = table if isinstance(table, dict) else {}
        names = sorted({*files, *stored})
        changed = next(name for name in names if files.get(name) != stored.get(name))
        raise UserError(f"{entry / changed}: not what was stored")


def _fetch(stored: Path, place: Path) -> None:
    """Copy one artifact out of an entry, all or nothing."""
    if stored.is_dir():
        with replaced_folder(place) as folder:
            shutil.copytree(stored, folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
    else:
        with replaced_file(place) as temporary:
            shutil.copyfile(stored, temporary)


def _store(entry: Path, artifacts: dict[str, Path]) -> None:
    """Copy artifacts into a new entry, all at once; if another writer was faster, its entry stays."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=entry.parent, prefix=".unfinished-"))
    try:
        temporary.chmod(0o755)
        for name, place in artifacts.items():
            if place.is_dir():
                shutil.copytree(place, temporary / name, copy_function=shutil.copyfile)
            else:
                shutil.copyfile(place, temporary / name)
        write_json(temporary / ENTRY, file_table(temporary))
        try:
            os.rename(temporary, entry)
        except OSError:
            if not entry.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _discard(entry: Path) -> None:
    """Remove a damaged entry, in one step as other jobs see it."""
    bin_folder = Path(tempfile.mkdtemp(dir=entry.parent, prefix=".unfinished-"))
    try:
        os.rename(entry, bin_folder / entry.name)
    except FileNotFoundError:
        pass  # another job was faster
    finally:
        shutil.rmtree(bin_folder, ignore_errors=True)
