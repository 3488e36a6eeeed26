"""Writes docs/bad-input.md from the tables that the tests go through (make docs)."""

from pathlib import Path

import bad_commands
import bad_config
import bad_data
import bad_hub

PAGE = Path(__file__).parents[1] / "docs" / "bad-input.md"
HEAD = """\
# Bad input

Mistakes, and the line that reports each: the exit code is not 0, there is no traceback, and nothing of an earlier run
is overwritten. Each row is a case of a test that expects this message. `make docs` writes this page from the tests'
tables, and a test compares them. `{{path}}` and `{{folder}}` stand for the file and its folder, `…` for a number.
{count} cases.

All mistakes of a config, keys that are given twice included, are reported in one run, one per line. Snakemake reads
config files before the workflow, and names neither file nor line of one that it cannot read, so `profiles/default`
checks them first; with `--workflow-profile none` you see Snakemake's own message. A mistake in data or in a
checkpoint ends the job that reads it, with the line on the terminal and in the rule's log.

## Limits

| what | at most |
| :--- | ---: |
| a config file | {config_bytes} bytes, {config_values} values, counting what aliases repeat |
| a text | {text} characters |
| all texts of a data set | {texts} characters |
| a `.xlsx` or `.parquet`, unpacked | {unpacked} bytes |
| a file in a zip, if it is larger than a megabyte | {ratio} times its packed size |

Texts of any script and direction, emoji, formulas, HTML and Markdown are texts like any other: they are read unchanged
and escaped in the reports. In a CSV file of texts that a spreadsheet may open (`results/flips/*.csv`) a cell that
begins like a formula gets an apostrophe before it. `results/summary.csv` and `seeds.csv` hold numbers, and names that
cannot begin like a formula. What `emopress predict` prints is for programs and is not changed.
"""


def row(what, line):
    """Return a table's row; a line in code, whatever characters it has."""
    line = line.replace("|", "\\|").replace("\n", " ")
    ticks = "``" if "`" in line else "`"
    space = " " if "`" in line else ""
    return f"| {what} | {ticks}{space}{line}{space}{ticks} |"


def sections():
    """Yield (title, rows) of each table, rows as (what, line)."""
    yield "Config", [(w, f"config: {m}") for w, (_, _, m) in bad_config.MISTAKES.items()]
    files = {**bad_config.FILES, **bad_config.REPEATS}
    yield "Config files", [(w, f"config: {{path}}{m}") for w, (_, m) in files.items()]
    yield "Data files", [(w, m) for w, (_, _, m) in bad_data.FILES.items()]
    yield (
        "Data files and the keys of columns",
        [(w, m) for w, (_, _, _, m) in bad_data.FORMS.items()],
    )
    yield "Data sets", [(w, m) for w, (_, _, m) in bad_data.SETS.items()]
    checkpoints = bad_hub.CHECKPOINTS.items()
    yield "Checkpoints", [(w, f"model 'm': mirror {{folder}}{m}") for w, (_, m) in checkpoints]
    classifiers = bad_hub.CLASSIFIERS.items()
    yield "Classifiers that are not trained further", [(w, m) for w, (_, m) in classifiers]
    yield "Weights that do not fit", [(w, m) for w, (_, m) in bad_hub.MISFITS.items()]
    yield "The hub", [(w, m) for w, (_, m) in bad_hub.HUBS.items()]
    yield "The command line", [(w, m) for w, (_, m) in bad_commands.SNAKEMAKE.items()]
    yield "Targets", [(w, m) for w, (_, m) in bad_commands.TARGETS.items()]
    yield "emopress predict", [(w, f"error: {m}") for w, (_, m) in bad_commands.PREDICT.items()]


def page():
    """Return the text of docs/bad-input.md."""
    from emopress.data import limits
    from emopress.study import config_file

    tables = list(sections())
    text = HEAD.format(
        count=sum(len(rows) for _, rows in tables),
        config_bytes=config_file.MAX_BYTES,
        config_values=config_file.MAX_VALUES,
        text=limits.MAX_TEXT,
        texts=limits.MAX_TEXTS,
        unpacked=limits.MAX_UNPACKED,
        ratio=limits.MAX_RATIO,
    )
    for title, rows in tables:
        lines = [
            row(what, line.replace("{MAX_TEXTS}", str(limits.MAX_TEXTS))) for what, line in rows
        ]
        text += "\n".join(
            [
                "",
                f"## {title}",
                "",
                "| what is wrong | what is said |",
                "| :--- | :--- |",
                *lines,
                "",
            ]
        )
    return text


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
