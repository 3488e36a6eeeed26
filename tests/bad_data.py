"""Bad data files: what is wrong, how such a file is written, and the line that says it."""

import datetime
import zipfile
from pathlib import Path

import openpyxl
import pandas
import pyarrow as pa
import pyarrow.parquet as pq

HEAD = b"text,label\n"
LABELS = ["joy", "sadness"]
SHEET = "xl/worksheets/sheet1.xml"
MEGABYTE = 1_000_000
RULE = (
    "allowed: a whole cell between quotation marks, with each one inside it doubled (RFC 4180); correct it, or, "
    "if quotation marks are characters like any other, set columns.quoting: none"
)


def sheet(*rows):
    """Return a writer of a workbook with these rows."""

    def write(path):
        book = openpyxl.Workbook()
        for row in rows:
            book.active.append(row)
        book.save(path)

    return write


def sheets(**tables):
    """Return a writer of a workbook with these sheets, name=rows."""

    def write(path):
        book = openpyxl.Workbook()
        book.remove(book.active)
        for name, rows in tables.items():
            page = book.create_sheet(name)
            for row in rows:
                page.append(row)
        book.save(path)

    return write


def spoiled(change):
    """Return a writer of a workbook whose sheet's XML is `change` of what it should be."""

    def write(path):
        sheet(("text", "label"), ("fine", "joy"))(path)
        with zipfile.ZipFile(path) as archive:
            parts = {name: archive.read(name) for name in archive.namelist()}
        parts[SHEET] = change(parts[SHEET])
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in parts.items():
                archive.writestr(name, content)

    return write


def zip_bomb(path):
    """Write a workbook of 100 kB whose sheet unpacks to 100 MB."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(SHEET, "w") as stream,
    ):
        for _ in range(100):
            stream.write(b" " * MEGABYTE)


def large_zip(path):
    """Write a workbook that says of 3000 parts that each unpacks to a megabyte."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(SHEET, b" " * MEGABYTE)
        (info,) = archive.filelist
        archive.filelist = [info] * 3000


def entity_bomb(xml):
    """Put entities into XML that would grow to 10^9 characters."""
    entities = b'<!ENTITY a "aaaaaaaaaa">' + b"".join(
        b'<!ENTITY %c "%s">' % (c, b"&%c;" % (c - 1) * 10) for c in b"bcdefghi"
    )
    return b"<!DOCTYPE x [" + entities + b"]>" + xml.replace(b"<t>fine", b"<t>&i;")


def table(**columns):
    """Return a writer of a Parquet file with these columns."""
    return lambda path: pandas.DataFrame(columns).to_parquet(path)


def repeated_text(path):
    """Write a Parquet file of some kB that holds a text of a megabyte 3000 times."""
    texts = pa.array(["x" * MEGABYTE]).dictionary_encode()
    indices = pa.array([0] * 3000, pa.int32())
    column = pa.DictionaryArray.from_arrays(indices, texts.dictionary)
    pq.write_table(pa.table({"text": column, "label": ["joy"] * 3000}), path, compression="zstd")


def lines(count, label="joy"):
    return b"".join(b"text %d,%s\n" % (n, label.encode()) for n in range(count))


# what is wrong -> (file, its bytes or writer, the line, where {path} stands for the file and … for a number)
FILES = {
    "an empty file": ("a.csv", b"", "{path}, row 1: no column 'text'; the header is empty"),
    "a header without rows": ("a.csv", HEAD, "{folder}: data set 'demo' has no rows"),
    "a missing column": (
        "a.csv",
        b"text,class\nfine,joy\n",
        "{path}, row 1: no column 'label'; the header has 'text', 'class'; "
        "name the column of the labels in columns.label",
    ),
    "a column's name in capitals": (
        "a.csv",
        b"Text,label\nfine,joy\n",
        "{path}, row 1: no column 'text'; the header has 'Text', 'label'; "
        "name the column of the texts in columns.text",
    ),
    "a missing column, at another delimiter": (
        "a.csv",
        b"review;mood\nfine;joy\n",
        "{path}, row 1: no column 'text'; the header has 'review;mood'; split at ';' it has 'review', 'mood': set "
        'columns.delimiter: ";"; name the column of the texts in columns.text',
    ),
    "two columns of one name": (
        "a.csv",
        b"text,text,label\na,b,joy\n",
        "{path}, row 1: 2 columns are called 'text'",
    ),
    "another separator": (
        "a.csv",
        b"text;label\nfine;joy\n",
        "{path}, row 1: no column 'text'; the header has 'text;label'; row 1 has these columns if split at "
        "';': set columns.delimiter: \";\"",
    ),
    "two byte order marks": (
        "a.csv",
        b"\xef\xbb\xbf\xef\xbb\xbftext,label\nfine,joy\n",
        "{path}, row 1: no column 'text'; the header has '\\ufefftext', 'label'; name the column of the texts in "
        "columns.text",
    ),
    "a comma in a text without quotes": (
        "a.csv",
        HEAD + b"one, two,joy\n",
        "{path}, row 2: 3 cells where row 1 has 2; put a text with commas between double quotes",
    ),
    "a quote that is never closed": (
        "a.csv",
        HEAD + b'"fine,joy\nwell,joy\n',
        "{path}, row 2: nothing closes the quotation mark before 'fine,joy'...; " + RULE,
    ),
    "a quote that a later one closes": (
        "a.csv",
        HEAD + b'"fine,joy\nwell,joy\na screen of 5",joy\n',
        "{path}, row 2: 'fine,joy'... is a cell with a line break and commas in it, as a stray quotation mark "
        "makes of the rows that it swallows; correct that, or if there are such texts, set columns.quoting: "
        "multiline",
    ),
    "the same in a row after a text of two lines": (
        "a.csv",
        HEAD + b'"fine\nday",joy\n"fine,joy\nwell,joy\na screen of 5",joy\n',
        "{path}, row 3 (line 4): 'fine,joy'... is a cell with a line break and commas in it, as a stray "
        "quotation mark makes of the rows that it swallows; correct that, or if there are such texts, set "
        "columns.quoting: multiline",
    ),
    "text after a closing quote": (
        "a.csv",
        HEAD + b'"fine" she said,joy\n',
        "{path}, row 2: text after the closing quotation mark of 'fine'; " + RULE,
    ),
    "a quote inside a text without quotes": (
        "a.csv",
        HEAD + b'a screen of 5",joy\n',
        "{path}, row 2: a quotation mark inside 'a screen of 5\",joy'..., which does not begin with one; "
        + RULE,
    ),
    "tabs in a .csv": (
        "a.csv",
        b"text\tlabel\nfine\tjoy\n",
        "{path}, row 1: no column 'text'; the header has 'text\\tlabel'; row 1 has these columns if split at "
        "'\\t': set columns.delimiter: \"\\t\"",
    ),
    "commas in a .tsv": (
        "a.tsv",
        HEAD + b"fine,joy\n",
        "{path}, row 1: no column 'text'; the header has 'text,label'; row 1 has these columns if split at ',': "
        'set columns.delimiter: ","',
    ),
    "quotes around everything in a .tsv": (
        "a.tsv",
        b'"text"\t"label"\n"fine"\t"joy"\n',
        "{path}, row 1: no column 'text'; the header has '\"text\"', '\"label\"'; row 1 has these columns between "
        "quotation marks: set columns.quoting: csv",
    ),
    "a line break in a text of a .tsv": (
        "a.tsv",
        b'text\tlabel\n"fine\nday"\tjoy\n',
        "{path}, row 2: 1 cells where row 1 has 2; no text may hold tabs or a line break; where texts are "
        "between quotation marks, set columns.quoting: csv",
    ),
    "an empty text": (
        "a.csv",
        HEAD + b"fine,joy\n  ,joy\n",
        "{path}, row 3, column 'text': empty; every row needs a text",
    ),
    "an empty label": (
        "a.csv",
        HEAD + b"fine,\n",
        "{path}, row 2, column 'label': empty label; allowed: joy, sadness",
    ),
    "a label with a space": (
        "a.csv",
        HEAD + b"fine,joy \n",
        "{path}, row 2, column 'label': unknown label 'joy '; did you mean 'joy'? Allowed: joy, sadness",
    ),
    "a label in capitals": (
        "a.csv",
        HEAD + b"fine,JOY\n",
        "{path}, row 2, column 'label': unknown label 'JOY'; did you mean 'joy'? Allowed: joy, sadness",
    ),
    "a label that the config does not have": (
        "a.csv",
        HEAD + b"fine,joy\nwell,envy\n",
        "{path}, row 3, column 'label': unknown label 'envy'; allowed: joy, sadness",
    ),
    "a number for a label": (
        "a.csv",
        HEAD + b"fine,1\n",
        "{path}, row 2, column 'label': unknown label '1'; allowed: joy, sadness; to say what numbers stand for, "
        "set columns.numbered: {1: ...}",
    ),
    "a number in a workbook for a label": (
        "a.xlsx",
        sheet(("text", "label"), ("fine", 2.0)),
        "{path}, row 2, column 'label': unknown label '2'; allowed: joy, sadness; to say what numbers stand for, "
        "set columns.numbered: {2: ...}",
    ),
    "a formula for a label": (
        "a.csv",
        HEAD + b"fine,\"=cmd('/c calc')\"\n",
        "{path}, row 2, column 'label': unknown label \"=cmd('/c calc')\"; allowed: joy, sadness",
    ),
    "text in UTF-16": (
        "a.csv",
        "text,label\nfine,joy\n".encode("utf-16"),
        "{path}: not UTF-8 text (byte 0: invalid start byte; it is UTF-16); save the whole file as UTF-8",
    ),
    "two encodings in one file": (
        "a.csv",
        HEAD + "né,joy\n".encode() + "né,joy\n".encode("latin-1"),
        "{path}: not UTF-8 text (byte 20: invalid continuation byte; line 3); save the whole file as UTF-8",
    ),
    "a NUL character": (
        "a.csv",
        HEAD + b"fi\0ne,joy\n",
        "{path}, row 2, column 'text': a NUL character; the file is damaged or not a text file",
    ),
    "a text of more than a megabyte": (
        "a.csv",
        HEAD + b"x" * (MEGABYTE + 1) + b",joy\n",
        "{path}, row 2, column 'text': a text of 1000001 characters; allowed: 1000000",
    ),
    "a line without a label": (
        "a.txt",
        b"fine;joy\nwell\n",
        "{path}, row 2: no ';'; each line is `text;label`",
    ),
    "a web page called .xlsx": (
        "a.xlsx",
        b"<html>not found</html>",
        "{path}: not a readable .xlsx workbook (File is not a zip file)",
    ),
    "a zip file called .xlsx": (
        "a.xlsx",
        lambda path: zipfile.ZipFile(path, "w").writestr("a.txt", "x"),
        "{path}: not a readable .xlsx workbook (\"There is no item named '[Content_Types].xml' in the archive\")",
    ),
    "a workbook that is cut off": (
        "a.xlsx",
        spoiled(lambda xml: xml[: len(xml) // 2]),
        "{path}: not a readable .xlsx workbook (no element found: line 1, column …)",
    ),
    "a zip bomb": (
        "a.xlsx",
        zip_bomb,
        "{path}: 'xl/worksheets/sheet1.xml' in it unpacks from … to 100000000 bytes; allowed: 200 times as "
        "many; it is damaged or made to exhaust the memory",
    ),
    "a workbook that unpacks to gigabytes": (
        "a.xlsx",
        large_zip,
        "{path}: unpacks to 3000000000 bytes; allowed: 2000000000; save it as .csv",
    ),
    "a bomb of XML entities": (
        "a.xlsx",
        spoiled(entity_bomb),
        "{path}: not a readable .xlsx workbook (XML entities, which no workbook needs)",
    ),
    "an XML entity that names a file": (
        "a.xlsx",
        spoiled(
            lambda xml: (
                b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
                + xml.replace(b"fine", b"&e;")
            )
        ),
        "{path}: not a readable .xlsx workbook (XML entities, which no workbook needs)",
    ),
    "half a character": (
        "a.xlsx",
        sheet(("text", "label"), ("fine_xD83D_", "joy")),
        "{path}, row 2, column 'text': half a character (U+D83D); a program cut the text inside it; correct it",
    ),
    "a table on a sheet other than the first": (
        "a.xlsx",
        sheets(Cover=[("A survey",)], Data=[("text", "label"), ("fine", "joy")]),
        "{path}, sheet 'Cover', row 1: no column 'text'; sheet 'Data' has it: set columns.sheet: \"Data\"",
    ),
    "an error in a cell": (
        "a.xlsx",
        sheet(("text", "label"), ("#N/A", "joy")),
        "{path}, row 2, column 'text': the error #N/A; correct it",
    ),
    "a formula that was never computed": (
        "a.xlsx",
        sheet(("text", "label"), ("=A1", "joy")),
        "{path}, row 2, column 'text': empty; every row needs a text",
    ),
    "a date for a text": (
        "a.xlsx",
        sheet(("text", "label"), (datetime.date(2020, 1, 2), "joy")),
        "{path}, row 2, column 'text': datetime.datetime(2020, 1, 2, 0, 0) is a datetime; allowed: text, numbers",
    ),
    "true for a text": (
        "a.xlsx",
        sheet(("text", "label"), (True, "joy")),
        "{path}, row 2, column 'text': True is a bool; allowed: text, numbers",
    ),
    "a NaN for a text": (
        "a.parquet",
        table(text=[1.5, float("nan")], label=["joy", "joy"]),
        "{path}, row 3, column 'text': empty; every row needs a text",
    ),
    "nothing for a label": (
        "a.parquet",
        table(text=["fine", "well"], label=["joy", None]),
        "{path}, row 3, column 'label': empty label; allowed: joy, sadness",
    ),
    "bytes for a text": (
        "a.parquet",
        table(text=[b"fine"], label=["joy"]),
        "{path}, row 2, column 'text': b'fine' is a bytes; allowed: text, numbers",
    ),
    "a file that is not Parquet": (
        "a.parquet",
        b"PAR1" + b"x" * 100,
        "{path}: not a readable .parquet (Parquet magic bytes not found in footer. Either the file is corrupted "
        "or this is not a parquet file.)",
    ),
    "a Parquet bomb": (
        "a.parquet",
        repeated_text,
        "{path}, row …: the texts up to here have more than {MAX_TEXTS} characters",
    ),
    "a file of a format that is not read": (
        "a.doc",
        b"",
        "{path}: unknown format '.doc'; allowed: .xlsx, .csv, .tsv, .parquet, .txt",
    ),
}

# The same, with some of `columns`: what is wrong -> (file, its bytes or writer, columns, the line)
FORMS = {
    "a number below a list of labels that counts from 0": (
        "a.csv",
        HEAD + b"fine,1\nwell,2\n",
        {"numbered": LABELS},
        "{path}, row 3, column 'label': label '2'; allowed: 0, 1; a list counts from 0; for other numbers set "
        "columns.numbered: {2: ...}",
    ),
    "a number that stands for no label": (
        "a.csv",
        HEAD + b"fine,1\nwell,3.0\n",
        {"numbered": {1: "joy", 2: "sadness"}},
        "{path}, row 3, column 'label': label '3'; allowed: 1, 2",
    ),
    "a name where numbers stand for labels": (
        "a.csv",
        HEAD + b"fine,joy\n",
        {"numbered": {1: "joy", 2: "sadness"}},
        "{path}, row 2, column 'label': label 'joy'; allowed: 1, 2",
    ),
    "a sheet that does not exist": (
        "a.xlsx",
        sheets(May=[("text", "label")], June=[("text", "label")]),
        {"sheet": "July"},
        "{path}: no sheet 'July'; allowed: 'May' (1), 'June' (2)",
    ),
    "a swallowed row among texts of several lines": (
        "a.csv",
        HEAD + b'"fine,joy\nwell,joy\na screen of 5",joy\n',
        {"quoting": "multiline"},
        "{path}, row 2: the line 'fine,joy' of a cell is a row with its label; a stray quotation mark swallowed "
        "it; correct that",
    ),
    "a comma in a text of a file that is read without quoting": (
        "a.csv",
        HEAD + b"fine, well,joy\n",
        {"quoting": "none"},
        "{path}, row 2: 3 cells where row 1 has 2; no text may hold commas or a line break; where texts are "
        "between quotation marks, set columns.quoting: csv",
    ),
    "a column's number too high for the delimiter": (
        "a.csv",
        b"fine;joy\n",
        {"text": 1, "label": 2},
        "{path}, row 1: no column 2; it has 1; row 1 has these columns if split at ';': set columns.delimiter: "
        '";"',
    ),
}

# Files that can be read, and of which no data set can be made: what is wrong -> (bytes, split, the line)
SETS = {
    "texts of one label only": (
        HEAD + lines(50),
        {"method": "clean", "test_size": 0.2, "validation_size": 0.1, "seed": 1},
        "data set 'demo': no text in train has the label 'sadness' (joy 36, sadness 0); "
        "add texts, or take it out of labels",
    ),
    "a label with a single text": (
        HEAD + lines(50) + b"other,sadness\n",
        {"method": "clean", "test_size": 0.2, "validation_size": 0.1, "seed": 1},
        "split: cannot cut test (share 0.2) from 51 texts (joy 50, sadness 1): both parts need texts of every "
        "label; give more texts, or another split.test_size",
    ),
    "a text that normalisation empties": (
        HEAD + lines(50) + lines(50, "sadness").replace(b"text", b"word") + "\u200b,joy\n".encode(),
        {"method": "paper", "test_size": 0.2, "validation_size": 0.1, "seed": 1},
        "{folder}: text demo-00102 (the number is its row) is empty after normalisation 'bengali'; "
        "remove the row or choose another method",
    ),
}


def write(path: Path, content) -> None:
    """Write bytes, or let a writer do it."""
    if callable(content):
        content(path)
    else:
        path.write_bytes(content)
