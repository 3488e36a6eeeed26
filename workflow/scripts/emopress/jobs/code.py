"""Which library code shapes a job's result: one answer for code stamps, the shared cache and unfinished training runs.

Snakemake sees a change in a script but not in what the script imports (its result would go stale);
every rule therefore has an input `code`: one file, the stamp, that lists the modules with their hashes.
(Thirty modules as inputs of each job would make the planning of large studies half as slow again.)

A source of code is a maker, the function that a job calls ("emopress.compress.trim:trim"), or a script
of the rules ("figures.py"). What it needs are all modules that it imports, directly or not, in functions
too, but for imports under `if TYPE_CHECKING:`. A module that imports importlib also needs the makers and
classes that it names in its texts: all of them, or those that a rule says its job uses. The room `jobs`
is never among them: nothing in it shapes a result.
"""

import ast
import hashlib
import os
import re
from collections.abc import Collection, Iterator
from functools import cache
from pathlib import Path

from emopress.artifact import replaced_file, sha256_of

PACKAGE = "emopress"
AROUND = f"{PACKAGE}.jobs"  # the room that is around every job
STAMPS = Path(".snakemake") / "emopress-code"
SCRIPTS = Path(__file__).parents[2]
BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")  # where a statement holds others
BY_NAME = re.compile(rf"{PACKAGE}(\.\w+)+:\w+")  # a maker, or a class of a table of such


def _files_of(module: str) -> list[Path]:
    """Return the files that importing `module` executes: its packages' __init__ and itself."""
    if module == AROUND or module.startswith(f"{AROUND}."):
        return []
    parts = module.split(".")
    files = [SCRIPTS.joinpath(*parts[:end], "__init__.py") for end in range(1, len(parts) + 1)]
    files.append(SCRIPTS.joinpath(*parts).with_suffix(".py"))
    return [path for path in files if path.is_file()]


def _for_type_checkers(node: ast.AST) -> bool:
    """Return whether a statement is `if TYPE_CHECKING:`, whose body no job executes."""
    test = node.test if isinstance(node, ast.If) else None
    return "TYPE_CHECKING" in (getattr(test, "id", None), getattr(test, "attr", None))


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every statement of a file; expressions hold none, and are most of a tree."""
    queue = [tree]
    while queue:
        node = queue.pop()
        for field in BLOCKS:
            if field == "body" and _for_type_checkers(node):
                continue
            for inner in getattr(node, field, ()):
                yield inner
                queue.append(inner)


def _named(tree: ast.AST) -> Iterator[str]:
    """Yield all makers and classes that the texts of a file name."""
    for node in ast.walk(tree):
        text = node.value if isinstance(node, ast.Constant) else None
        if isinstance(text, str) and BY_NAME.fullmatch(text):
            yield text


@cache
def _imports(path: Path) -> tuple[frozenset[Path], frozenset[str]]:
    """Return the library files that a file imports anywhere, and the makers or classes that it may import by name."""
    names: set[str] = set()
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    for node in _statements(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    by_name = _named(tree) if {"importlib", "importlib.import_module"} & names else ()
    of_library = (name for name in names if name.split(".")[0] == PACKAGE)
    return frozenset(path for name in of_library for path in _files_of(name)), frozenset(by_name)


def _files_that_hold(source: str) -> list[Path]:
    """Return the files that importing or running a source reads; ValueError if there is no such source."""
    module = source.partition(":")[0]
    files = [SCRIPTS / source] if source.endswith(".py") else _files_of(module)
    if not source.endswith(".py"):
        itself = SCRIPTS.joinpath(*module.split(".")).with_suffix(".py")
        files = files if itself in files else []
    if not files or not files[-1].is_file():
        raise ValueError(f"{source!r} is neither a script of the rules nor a maker of the library")
    return files


def code_of(*sources: str, named: Collection[str] | None = None) -> list[str]:
    """Return the files that makers or scripts need and are, sorted, relative to here.

    `named`: which of the classes that modules import by name the job uses; None: it may use all.
    """
    needed = {file for source in sources for file in _files_that_hold(source)}
    queue = list(needed)
    while queue:
        imported, by_name = _imports(queue.pop())
        used = (name for name in by_name if named is None or name in named)
        new = {*imported, *(file for name in used for file in _files_that_hold(name))} - needed
        needed |= new
        queue += new
    return sorted(os.path.relpath(path) for path in needed)


def code_hash(stamp: Path | str) -> str:
    """Return one hash of the files that a stamp lists, as they are now: the code of the job that it is for."""
    lines = Path(stamp).read_text(encoding="utf-8").splitlines()
    names = [line.split("  ", 1)[1] for line in lines]
    text = "".join(f"{sha256_of(SCRIPTS / name)}  {name}\n" for name in names)
    return hashlib.sha256(text.encode()).hexdigest()


def stamp_path(*sources: str, named: Collection[str] | None = None) -> Path:
    """Return the file, relative to here, that stands for the code of makers or scripts (see `code_of`).

    Its name is theirs: "finetune.txt", "compress.trim.trim.txt", "predict=runtime.dense.DenseClassifier.txt".
    """
    parts = [sources] if named is None else [sources, named]
    names = [
        "+".join(sorted(source.removeprefix(f"{PACKAGE}.") for source in part)) for part in parts
    ]
    return STAMPS / f"{'='.join(names).replace('.py', '').replace(':', '.')}.txt"


def write_stamp(*sources: str, named: Collection[str] | None = None) -> None:
    """Write `stamp_path`: a line for each of the modules, with its SHA-256; nothing if it says so already.

    A new one is as old as the newest module, so that a copy of finished results is not made again.
    """
    files = code_of(*sources, named=named)
    names = [Path(os.path.relpath(path, SCRIPTS)).as_posix() for path in files]
    lines = (f"{sha256_of(path)}  {name}\n" for path, name in zip(files, names, strict=True))
    text, stamp = "".join(lines), stamp_path(*sources, named=named)
    is_new = not stamp.is_file()
    if is_new or stamp.read_text(encoding="utf-8") != text:
        with replaced_file(stamp) as temporary:
            temporary.write_text(text, encoding="utf-8")
            if is_new:
                newest = max(os.path.getmtime(path) for path in files)
                os.utime(temporary, (newest, newest))
