#!/bin/bash
# openpyxl 3.1.5 takes "x005F_" out of any text of a workbook's table of shared strings, and decodes no other _xHHHH_ escape.
#
# Versions: openpyxl 3.1.5 reading what XlsxWriter 3.2.9 writes (pandas' usual reader and writer of .xlsx), Python 3.11.
# Expected, by ECMA-376 part 1, 22.9.2.19 (ST_Xstring): a text that was written is the text that is read; _x000D_ in the
# file is a carriage return, _x005F_x000D_ are the seven characters "_x000D_", and "0x005F_flag" is no escape at all.
# Seen: the carriage return is read as the characters "_x000D_", so that it and the text "_x000D_" cannot be told apart, and
# "0x005F_flag" is read as "0flag": characters of an ordinary text are lost, silently. A text that is stored in its cell
# (an inline string) is left alone. Who wants the escapes has to read xl/sharedStrings.xml before openpyxl changes it.
# Exits 0 while this is so, and 1 when it changes.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet openpyxl==3.1.5 XlsxWriter==3.2.9
"$folder/venv/bin/python" - "$folder" <<'P'
import sys

import openpyxl
import xlsxwriter

written = ["a\rb", "_x000D_", "0x005F_flag", "plain"]
seen = ["a_x000D_b", "_x000D_", "0flag", "plain"]
found = {}
for way, options in {"shared": {}, "inline": {"in_memory": False, "constant_memory": True}}.items():
    path = f"{sys.argv[1]}/{way}.xlsx"
    with xlsxwriter.Workbook(path, options) as book:
        sheet = book.add_worksheet()
        for row, text in enumerate(written):
            sheet.write_string(row, 0, text)
    page = openpyxl.load_workbook(path, read_only=True).active
    found[way] = [cell for (cell,) in page.iter_rows(values_only=True)]
    print(way, "written:", written, "read:", found[way])
assert found["shared"] == seen, "another openpyxl: the shared strings are read otherwise"
assert found["inline"] == ["a_x000D_b", "_x005F_x000D_", "0x005F_flag", "plain"], "inline strings changed"
print("as it was: what openpyxl reads depends on where the text is stored, and '0x005F_flag' loses six characters")
P
