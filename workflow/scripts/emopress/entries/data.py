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
    r"""Character that separates the cells of a .csv or .tsv file, \t for a tab. Default: comma (.csv) or tab (.tsv)."""
    quoting: Literal["none", "csv", "multiline"] | None = None
    """Quotation marks of a .csv or .tsv file. none: ordinary characters; csv: exactly as in RFC 4180, and a cell that
    holds a line break together with a delimiter is an error, since a stray quotation mark makes such cells of the rows
    that it swallows; multiline: the same, but such cells are allowed. Default: none where a tab is the delimiter, else
    csv (also for the .tsv files that rows from a hub are written to)."""
    sheet: Sheet | None = None
    """Sheet of an .xlsx file: its name, or its number, counted from 1. Default: the first that is not hidden; the log
    and the data card name it if other sheets are not empty."""


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
    """Which published split the file is. Give it for all files or for none; train and test are needed, validation is
    not."""


class Source(Entry):
    """Where the files come from."""

    hub: HubRows | None = None
    """Hugging Face data set; its rows are written to the files below, which must then have their sha256."""
    mirrored_as: Name | None = None
    """Folder of the files in a mirror. Default: the data set's name."""
    files: list[File] = Field(min_length=1)
    """The files that are kept; a mirror holds the same ones."""


class Columns(Form):
    """Where texts and labels are in .xlsx, .csv, .tsv and .parquet files: all columns by their names in the header, or,
    in a file without a header, all by number, counted from 1."""

    text: Column = "text"
    """Column of the texts."""
    label: Column = "label"
    """Column of the label names. With multilabel a cell holds several, divided by the separator (in .parquet, or a
    list)."""
    separator: FreeText | None = Field(None, max_length=8)
    """What separates the labels of one cell, with multilabel; spaces around it are ignored."""
    numbered: Numbered | None = None
    """What numbers in the cells mean (1, 1.0 and the text \"1\" are one number): a list of labels, the first for 0, or
    a mapping from any numbers, {1: anger, 2: joy}. Default: the cells hold the labels, which may be numbers too
    (labels: [\"1\", \"2\"])."""
    labels: LabelColumns | None = None
    """Instead of label, with multilabel: a column of 0 and 1 for each label of the files, as label: column, or as a
    list where the columns have the labels' names."""


class Split(Entry):
    """How the texts are split."""

    method: Literal["paper", "clean", "given"] = "clean"
    """paper: the published random split; given: the published files as they are; clean: grouped by equal text, no
    contradictions, no leaks. If the files are train and test only, validation is cut from train, whatever the method.
    """
    test_size: Fraction = 0.2
    """Share of the texts for test, where no file is the test split."""
    validation_size: Fraction = 0.1
    """Share of the texts outside test for validation, where no file is the validation split; stratified by label."""
    seed: int = Field(42, ge=0)
    """Seed of the split; independent of the study's seeds."""


class DataSet(Entry):
    """A data set."""

    title: FreeText
    """Name shown in the report."""
    language: Text
    """Language of the texts, as a BCP 47 tag: bn, en, pt-BR, zh-Hant."""
    demo: bool = False
    """true: made up for demonstration; the report says so beside every table."""
    labels: Labels
    """Label names, in the order that the classes have everywhere. id, split, noise, label and predicted are not
    allowed, since predictions.parquet has these columns; rename such a label with groups."""
    source: Source
    """Where the files come from."""
    multilabel: bool = False
    """true: a text may have any number of the labels; each is predicted if its probability reaches a threshold that is
    tuned on validation, and accuracy means that the whole set is right. false: exactly one label."""
    unlabelled: bool = False
    """true: with multilabel, a text may have no label at all (an empty cell, or no 1 in any column); false: such a row
    is an error."""
    groups: dict[Text, Annotated[Distinct[Text], Field(min_length=1)]] | None = None
    """Coarser labels: each of labels -> the labels of the files that it stands for. Each label of the files must be in
    exactly one group. Default: the files hold the labels themselves."""
    columns: Columns = Field(default_factory=Columns)
    """Where texts and labels are in .xlsx, .csv, .tsv and .parquet files: all columns by their names in the header, or,
    in a file without a header, all by number, counted from 1."""
    split: Split = Field(default_factory=Split)
    """How the texts are split."""
    normalise: Literal["none", "bengali"] | None = None
    """Unicode normalisation; bengali: the rules that csebuetnlp's models expect. Stored in the bundle and applied at
    prediction. Default: bengali for Bengali, none for any other language."""
    max_length: int = Field(128, ge=8, le=512)
    """Longest text in tokens, special ones included, which conv models do without (dense models: in words with a
    vector); longer ones are cut off. Linear models read whole texts. How many texts of each split a model cuts is in
    the log of its prediction and in the data card, and above 5 % in the answer."""
    licence: FreeText
    """Licence of the data. A model card knows pddl, mit, apache-2.0, cc-by-4.0, gemma and cc-by-nc-sa-4.0; for any
    other text it says license: other, and tells readers to ask."""
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
