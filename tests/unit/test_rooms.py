"""The library's rooms: an import goes down only, and each says in one sentence what is in it."""

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "workflow" / "scripts" / "emopress"
ROOMS = sorted(path.parent for path in LIBRARY.rglob("__init__.py"))


def test_imports_go_down(capsys):
    """The layers stand in pyproject.toml; `lint-imports` shows the same."""
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert status == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_every_folder_of_modules_is_a_room():
    assert {path.parent for path in LIBRARY.rglob("*.py")} == set(ROOMS)


# The package cli is what `python -m emopress` runs, so it holds its commands' table.
@pytest.mark.parametrize("room", [r for r in ROOMS if r.name != "cli"], ids=lambda room: room.name)
def test_a_room_says_in_one_sentence_what_is_in_it(room):
    (sentence,) = ast.parse((room / "__init__.py").read_text(encoding="utf-8")).body
    assert isinstance(sentence, ast.Expr) and isinstance(sentence.value, ast.Constant)
    text = sentence.value.value
    assert isinstance(text, str) and text.endswith(".") and "\n" not in text


def test_the_map_in_the_docs_has_every_room_with_its_sentence():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\S+)/` \| (.+) \|$", page, flags=re.MULTILINE))
    sentences = {
        room.relative_to(LIBRARY).as_posix(): ast.get_docstring(
            ast.parse((room / "__init__.py").read_text(encoding="utf-8"))
        )
        for room in ROOMS
        if room != LIBRARY
    }
    assert rows == {name: (text or "").splitlines()[0] for name, text in sentences.items()}


# Whoever looks for what a user writes looks in entries/, for a command in cli/: there a module has the user's word.
USERS_WORDS = ("entries", "cli")
# What several rooms may call alike, since it is the same for each family or runtime.
ALIKE = {
    "train": "the training of each family without a transformer",
    "model": "the network of each family that is not published",
    "export": "from each family's checkpoint to its bundle",
    "quantize": "of each family's bundle",
    "onnx_graph": "what emopress export writes of each family that runs in numpy",
    "openvino": "the pass, and the runtime that its bundles name",
}


def test_no_two_rooms_have_a_module_of_one_name():
    rooms = defaultdict(list)
    for path in LIBRARY.rglob("*.py"):
        room = path.parent.relative_to(LIBRARY).as_posix()
        if path.stem not in ("__init__", "__main__") and room not in USERS_WORDS:
            rooms[path.stem].append(room)
    assert {name for name, places in rooms.items() if len(places) > 1} == set(ALIKE)
