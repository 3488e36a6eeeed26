"""Finds the library modules that a script imports, so that a change in any of them reruns its rule.

Snakemake sees a change in a script but not in what the script imports (its result would go stale);
every rule therefore has an input `code`: one file that lists these modules with their hashes. (Thirty
modules as inputs of each job would make the planning of large studies half as slow again.)
"""

import ast
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from emopress.artifact import replaced_file, sha256_of

PACKAGE = "emopress"
SCRIPT_VARIABLE = (
    "EMOPRESS_SCRIPT"  # the name of the script that a job runs; set by emopress.jobs.job
)
STAMPS = Path(".snakemake") / "emopress-code"
SCRIPTS = Path(__file__).parents[2]
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # where a statement holds others


def _files_of(module: str) -> list[Path]:
    """Return the files that importing `module` executes: its packages' __init__ and itself."""
    parts = module.split(".")
    files = [SCRIPTS.joinpath(*parts[:end], "__init__.py") for end in range(1, len(parts) + 1)]
    files.append(SCRIPTS.joinpath(*parts).with_suffix(".py"))
    return [path for path in files if path.is_file()]


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every statement of a file; expressions hold none, and are most of a tree."""
    queue = [tree]
    while queue:
        node = queue.pop()
        for field in BLOCKS:
            for inner in getattr(node, field, ()):
                yield inner
                queue.append(inner)


@cache
def _imports(path: Path) -> frozenset[Path]:
    """Return the library files that the imports anywhere in a file execute."""
    names: set[str] = set()
    for node in _statements(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    own = (name for name in names if name.split(".")[0] == PACKAGE)
    return frozenset(path for name in own for path in _files_of(name))


def code_of(script: str) -> list[str]:
    """Return the library files that `workflow/scripts/<script>` needs, sorted, relative to here."""
    found: set[Path] = set()
    queue = [SCRIPTS / script]
    while queue:
        new = _imports(queue.pop()) - found
        found |= new
        queue += new
    return sorted(os.path.relpath(path) for path in found)


def running_code() -> dict[str, str]:
    """Return the SHA-256, by path, of the code that this job runs: its script and what that needs.

    `emopress.jobs.job` names the script. Outside a job it is the whole library.
    """
    files: list[Path | str] = [*SCRIPTS.glob(f"{PACKAGE}/**/*.py")]
    if script := os.environ.get(SCRIPT_VARIABLE):
        files = [SCRIPTS / script, *code_of(script)]
    return {os.path.relpath(path, SCRIPTS): sha256_of(path) for path in files}


def stamp_path(script: str) -> Path:
    """Return the file, relative to here, that stands for the library code of a script."""
    return (STAMPS / script).with_suffix(".txt")


def write_stamp(script: str) -> None:
    """Write `stamp_path`: a line for each of the modules, with its SHA-256; nothing if it says so already.

    A new one is as old as the newest module, so that a copy of finished results is not made again.
    """
    files = code_of(script)
    names = [Path(os.path.relpath(path, SCRIPTS)).as_posix() for path in files]
    lines = (f"{sha256_of(path)}  {name}\n" for path, name in zip(files, names, strict=True))
    text, stamp = "".join(lines), stamp_path(script)
    is_new = not stamp.is_file()
    if is_new or stamp.read_text(encoding="utf-8") != text:
        with replaced_file(stamp) as temporary:
            temporary.write_text(text, encoding="utf-8")
            if is_new:
                newest = max(os.path.getmtime(path) for path in files)
                os.utime(temporary, (newest, newest))
