"""A data set: its files, labels, columns and split."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, Tag

from emopress.entries.base import (
    COMMIT,
    FILE,
    Column,
    Distinct,
    Entry,
    Fault,
    FreeText,
    Name,
    Sha256,
    Text,
    Url,
    by_type,
)

Fraction = Annotated[float, Field(gt=0, lt=1)]
Sheet = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[int, Field(ge=1), Tag("<number>")],
    by_type("text or a whole number"),
]
Cell = Annotated[
    Annotated[Text, Tag("<text>")] | Annotated[float, Tag("<number>")],
    by_type("text or a number"),
]
Labels = Annotated[Distinct[Text], Field(min_length=2)]
Numbered = Annotated[
    Annotated[Labels, Tag("<list>")]
    | Annotated[dict[Cell, Cell], Field(min_length=2), Tag("<mapping>")],
    by_type("a list or a mapping"),
]
LabelColumns = Annotated[
    Annotated[Labels, Tag("<list>")]
    | Annotated[dict[Text, Column], Field(min_length=2), Tag("<mapping>")],
    by_type("a list or a mapping"),
]


class Form(Entry):
    """How a table is written."""

    delimiter: str | None = None
    r"""What separates the cells of a .csv or .tsv file: one character, \t for a tab. Left out: a comma in .csv, a
    tab in .tsv."""
    quoting: Literal["none", "csv", "multiline"] | None = None
    """Quotation marks of a .csv or .tsv file. none: characters like any other; csv: as RFC 4180 says and no other, and
    a cell with a line break and a delimiter in it, as a stray mark makes of the rows that it swallows, is an error;
    multiline: the same, and there are such texts. Left out: none where a tab is the delimiter, else csv (and for the
    .tsv files that a hub's rows are written to)."""
    sheet: Sheet | None = None
    """Sheet of an .xlsx file: its name, or its number from 1 on. Left out: the first one that is not hidden, and the
    log and the data card name it if others hold anything."""


class HubRows(Entry):
    """Hugging Face data set; its rows are written out as the files."""

    repo: Text
    """Repository id."""
    config: Text
    """Configuration of the data set."""
    revision: str = Field(pattern=COMMIT)
    """Commit id."""


class File(Form):
    """A file of a data set; delimiter, quoting and sheet are of this file alone."""

    name: str = Field(pattern=FILE)
    """File name."""
    url: Url | None = None
    """Address to download from."""
    path: Text | None = None
    """File of this repository, instead of a url."""
    sha256: Sha256 | None = None
    """Expected SHA-256; required with url and hub."""
    split: Literal["train", "validation", "test"] | None = None
    """Which published split the file is. Train and test are needed, validation is not; for all files or for none."""


class Source(Entry):
    """Where the files come from."""

    hub: HubRows | None = None
    """Hugging Face data set; its rows are written out as the files below, whose sha256 must come out."""
    mirrored_as: Name | None = None
    """Folder of a mirror that holds the files, where it is not the data set's name."""
    files: list[File] = Field(min_length=1)
    """The files that are kept; a mirror holds the same ones."""


class Columns(Form):
    """Where texts and labels are in .xlsx, .csv, .tsv and .parquet files: columns by their names in the header, or,
    all of them, by numbers from 1 on in a file without a header.
    """

    text: Column = "text"
    """Column of the texts."""
    label: Column = "label"
    """Column of the label names; of several with multilabel, between them the separator (or, in .parquet, a list)."""
    separator: FreeText | None = Field(None, max_length=8)
    """What separates the labels of one cell, with multilabel; spaces around it do not count."""
    numbered: Numbered | None = None
    """What numbers in the cells mean (1, 1.0 and the text \"1\" are one number): a list of labels, the first of
    them for 0, or a mapping of any numbers, {1: anger, 2: joy}. Left out: the cells hold the labels, which may be
    numbers too (labels: [\"1\", \"2\"])."""
    labels: LabelColumns | None = None
    """Instead of label, with multilabel: a column of 0 and 1 for each label of the files, as label: column, or as a
    list where the columns have the labels' names."""


class Split(Entry):
    """How texts are shared out."""

    method: Literal["paper", "clean", "given"] = "clean"
    """paper: the published random split; given: the published files as they are; clean: grouped by equal text, no
    contradictions, no leaks. By any of them, of files that are train and test only, validation is cut from train."""
    test_size: Fraction = 0.2
    """Share of texts for test, where no file is one."""
    validation_size: Fraction = 0.1
    """Share of the texts that are not test for validation, where no file is one; stratified by label."""
    seed: int = Field(42, ge=0)
    """Seed of the split; apart from the study's seeds."""


class DataSet(Entry):
    """A data set."""

    title: FreeText
    """Name shown in the report."""
    language: Text
    """Language of the texts, any, as a tag by BCP 47: bn, en, pt-BR, zh-Hant."""
    demo: bool = False
    """true: made up for demonstration; the report says so beside every table."""
    labels: Labels
    """Label names; their order is the order of the classes everywhere. id, split, noise, label and predicted are
    columns of predictions.parquet, and refused: groups gives such a label of the files another name."""
    source: Source
    """Where the files come from."""
    multilabel: bool = False
    """true: a text may have any number of the labels, each is predicted from a threshold on that is tuned on
    validation, and accuracy means that the whole set is right; false: exactly one."""
    unlabelled: bool = False
    """true: with multilabel, a text may have no label at all (an empty cell, or no 1 in any column); false: such a row
    is an error."""
    groups: dict[Text, Annotated[Distinct[Text], Field(min_length=1)]] | None = None
    """Coarser labels: each of labels -> the labels of the files that it means. All of these must be in one group.
    Left out: the files hold the labels themselves."""
    columns: Columns = Field(default_factory=Columns)
    """Where texts and labels are in .xlsx, .csv, .tsv and .parquet files: columns by their names in the header, or,
    all of them, by numbers from 1 on in a file without a header."""
    split: Split = Field(default_factory=Split)
    """How texts are shared out."""
    normalise: Literal["none", "bengali"] | None = None
    """Unicode normalisation; bengali: the rules that csebuetnlp's models expect. Stored in the bundle and applied at
    prediction. Default: bengali for Bengali, none for any other language."""
    max_length: int = Field(128, ge=8, le=512)
    """Longest text in tokens, special ones included (dense models: in words with a vector); longer ones are cut. Linear
    models read all. How many texts of each split a model cuts is in the log of its prediction and in the data card, and
    above 5 % in the answer."""
    licence: FreeText
    """Licence of the data. A model card knows pddl, mit, apache-2.0, cc-by-4.0, gemma and cc-by-nc-sa-4.0; of any other
    text it says license: other, and that one has to ask."""
    licence_url: str = ""
    """Where the licence is."""
    citation: str = ""
    """How to cite the data."""

    @classmethod
    def idle(cls, given: Mapping[str, Any]) -> Iterator[Fault]:
        """Yield the columns that are for several labels per text, or that columns of 0 and 1 replace."""
        columns = given.get("columns")
        columns = columns if isinstance(columns, dict) else {}
        idle = []
        if "labels" in columns:
            idle += [(key, "beside columns.labels") for key in ("label", "separator", "numbered")]
        if not given.get("multilabel"):
            idle += [(key, "without multilabel: true") for key in ("labels", "separator")]
            if given.get("unlabelled"):
                yield "unlabelled", "without multilabel: true"
        yield from ((f"columns.{key}", why) for key, why in idle if key in columns)
