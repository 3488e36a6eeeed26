"""Workbooks: texts as Excel shows them, wherever they are stored, and the sheet that is meant."""

import zipfile

import openpyxl
import pytest

from emopress.data.read import read_rows
from emopress.data.workbook import unescaped
from emopress.errors import UserError

ESCAPES = {  # as a workbook stores a text -> as Excel shows it (ECMA-376, part 1, 22.9.2.19)
    "plain": "plain",
    "two_x000D_lines": "two\rlines",
    "two_x000d__x000A_lines": "two\r\nlines",
    "_x005F_x000D_": "_x000D_",
    "_x005f_x005F_": "_x005F_",
    "_x005F__x000D_": "_\r",
    "_x005F_": "_",
    "_x09B0_": "র",
    "_xD83D__xDE00_": "😀",
    "_x00e9_t_x00E9_": "été",
    "_x000G_ _x00D_ _X000D_ x000D_ _x000D": "_x000G_ _x00D_ _X000D_ x000D_ _x000D",
    "_x000D_x000A_": "\rx000A_",
    "snake_case_x": "snake_case_x",
}
CELLS = {
    "shared": "s",
    "inline": "inlineStr",
    "formula": "str",
}  # where a text may stand -> its type


def write(path, sheets, states=()):
    """Write a workbook of these sheets, name -> rows; some of them hidden."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        sheet.sheet_state = "hidden" if name in states else "visible"
        for row in rows:
            sheet.append(row)
    book.save(path)


def stored(path, texts, kind):
    """Write a workbook whose texts are stored in one of the three ways, exactly as they are given."""
    write(path, {"Sheet1": [("text", "label")]})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    head = ["te_x0078_t", "label"]  # the header's cells are texts like any other
    cells = [*head, *(cell for text in texts for cell in (text, "joy"))]
    written = {
        "shared": lambda place: f"<v>{place}</v>",
        "inline": lambda place: f"<is><r><t>{cells[place]}</t></r></is>",
        "formula": lambda place: f"<f>A1</f><v>{cells[place]}</v>",
    }[kind]
    rows = [
        "".join(f'<c t="{CELLS[kind]}">{written(row + column)}</c>' for column in (0, 1))
        for row in range(0, len(cells), 2)
    ]
    sheet = parts["xl/worksheets/sheet1.xml"]
    head, tail = sheet[: sheet.index("<sheetData>")], sheet[sheet.index("</sheetData>") :]
    body = "".join(f"<row>{row}</row>" for row in rows)
    parts["xl/worksheets/sheet1.xml"] = f"{head}<sheetData>{body}{tail}"
    namespace = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kinds = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
    override = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{kinds}"/></Types>'
    types = parts["[Content_Types].xml"]
    if "sharedStrings" not in types:
        parts["[Content_Types].xml"] = types.replace("</Types>", override)
    items = "".join(
        f"<si><t>{cell}</t><rPh sb='0' eb='1'><t>not this</t></rPh></si>" for cell in cells
    )
    parts["xl/sharedStrings.xml"] = f'<sst xmlns="{namespace}">{items}</sst>'
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def read(folder, name="a.xlsx", **columns):
    """Return the texts, and what was told."""
    told = []
    dataset = {
        "labels": ["joy", "sadness"],
        "source": {"files": [{"name": name}]},
        "columns": columns,
    }
    return read_rows(folder, dataset, "demo", told.append)["text"].tolist(), told


@pytest.mark.parametrize("kind", CELLS)
def test_escapes_are_decoded_once(tmp_path, kind):
    stored(tmp_path / "a.xlsx", ESCAPES, kind)
    assert read(tmp_path) == (list(ESCAPES.values()), [])


def test_half_a_character_is_refused(tmp_path):
    assert unescaped("_xD83D_") == "\ud83d"
    stored(tmp_path / "a.xlsx", ["a_xDE00_"], "shared")
    with pytest.raises(UserError, match=r"row 2, column 'text': half a character \(U\+DE00\)"):
        read(tmp_path)
    stored(tmp_path / "a.xlsx", ["a_x0000_"], "inline")
    with pytest.raises(UserError, match=r"row 2, column 'text': a NUL character"):
        read(tmp_path)


SHEETS = {
    "January": [("text", "label"), ("a", "joy")],
    "February": [("text", "label"), ("b", "joy")],
    "Empty": [],
}


def test_the_sheet_that_is_read_is_named(tmp_path):
    write(tmp_path / "a.xlsx", SHEETS)
    texts, (told,) = read(tmp_path)
    assert texts == ["a"]
    assert told == (
        "a.xlsx: sheet 'January' is read, and not 'February'; "
        'columns.sheet: "February" chooses another one'
    )
    write(tmp_path / "a.xlsx", {"January": SHEETS["January"], "Sheet2": [], "Sheet3": []})
    assert read(tmp_path) == (["a"], [])  # nothing is left out


@pytest.mark.parametrize(
    ("sheet", "text"), [("January", "a"), ("February", "b"), (1, "a"), (2, "b"), ("2", "b")]
)
def test_a_sheet_is_chosen(tmp_path, sheet, text):
    write(tmp_path / "a.xlsx", SHEETS)
    assert read(tmp_path, sheet=sheet) == ([text], [])


def test_a_name_comes_before_a_number(tmp_path):
    write(tmp_path / "a.xlsx", {"2": SHEETS["January"], "1": SHEETS["February"]})
    assert read(tmp_path, sheet="1") == (["b"], [])
    assert read(tmp_path, sheet=1) == (["a"], [])
    write(tmp_path / "a.xlsx", {"2023": SHEETS["January"], "2024": SHEETS["February"]})
    assert read(tmp_path, sheet=2024) == read(tmp_path, sheet=2) == (["b"], [])


@pytest.mark.parametrize("sheet", ["March", "january", 4, 0, "-1"])
def test_an_unknown_sheet(tmp_path, sheet):
    write(tmp_path / "a.xlsx", SHEETS)
    with pytest.raises(UserError) as caught:
        read(tmp_path, sheet=sheet)
    there = "allowed: 'January' (1), 'February' (2), 'Empty' (3)"
    assert str(caught.value) == f"{tmp_path / 'a.xlsx'}: no sheet {sheet!r}; {there}"


def test_hidden_sheets_and_covers(tmp_path):
    write(tmp_path / "a.xlsx", SHEETS, states=["January"])
    texts, (told,) = read(tmp_path)
    assert texts == ["b"] and "sheet 'February' is read, and not 'January'" in told
    write(tmp_path / "a.xlsx", {"Cover": [("A survey",)], "Data": SHEETS["January"]})
    with pytest.raises(UserError) as caught:
        read(tmp_path)
    assert str(caught.value).endswith(
        "a.xlsx, sheet 'Cover', row 1: no column 'text'; sheet 'Data' has it: "
        'set columns.sheet: "Data"'
    )


def test_two_sheets_of_one_workbook_are_two_splits(tmp_path):
    for part in ("train", "test"):
        write(tmp_path / part, SHEETS)
    files = [
        {"name": "train", "path": "a.xlsx", "sheet": 1, "split": "train"},
        {"name": "test", "path": "a.xlsx", "sheet": "February", "split": "test"},
    ]
    dataset = {"labels": ["joy", "sadness"], "source": {"files": files}, "columns": {}}
    assert read_rows(tmp_path, dataset, "demo")["text"].tolist() == ["a", "b"]
