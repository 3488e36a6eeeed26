"""Published figures are checked, and stand beside ours with the difference that they have."""

import copy
from pathlib import Path

import pandas as pd
import pytest
import yaml

from emopress.errors import UserError
from emopress.report.tables.published_rows import WITHIN, compared, position, printed
from emopress.report.tables.published_table import published_table
from emopress.study.checks import published_errors
from emopress.study.layers import merged
from emopress.study.load_study import load_study
from emopress.study.published import FIGURES, PUBLISHED, load_published

ROOT = Path(__file__).parents[2]
STUDIES = ("config", "study", "real-cpu", "paper-grid", "emotion-quantization")
HOSTILE = "a|b<script>`x`*"

SMALL = {
    "sources": {
        "one": {"title": "First", "url": "https://example.org/1", "errors": ["Its sizes | lie."]},
        "two": {"title": "<b>Second</b>"},
    },
    "rows": [
        {
            "id": "one-a",
            "source": "one",
            "dataset": "d",
            "teacher": "big",
            "recipe": "teacher",
            "accuracy_percent": 62.36,
            "macro_f1_percent": 60.0,
            "size_mb": 420,
            "compression": 1.0,
            "speedup": 1.0,
            "elsewhere": {"accuracy_percent": 60.1},
        },
        {
            "id": "one-b",
            "source": "one",
            "dataset": "d",
            "recipe": "quantized",
            "accuracy_percent": 52,
            "size_mb": 186,
            "latency_ms": 9.5,
            "cannot_be": {"size_mb": "no int8 file"},
        },
        {
            "id": "two-a",
            "source": "two",
            "dataset": "d",
            "recipe": "words",
            "accuracy_percent": 43.7,
        },
    ],
}
ROWS = pd.DataFrame(
    [
        {
            "variant": "big",
            "accuracy": 0.6196,
            "accuracy_low": 0.6,
            "accuracy_high": 0.64,
            "macro_f1": 0.55,
            "macro_f1_low": 0.53,
            "macro_f1_high": 0.57,
            "size_bytes": 440_000_000,
            "compression": 1.0,
            "latency_ms_p50": 10.0,
            "speedup": 1.0,
            "timing_spread": 99.0,
            "speedup_shown": False,
            "speedup_over_pytorch": 2.0,
            "reference": "big",
            "runtime": "onnxruntime",
        },
        {
            "variant": HOSTILE,
            "accuracy": 0.5,
            "accuracy_low": 0.48,
            "accuracy_high": 0.515,
            "macro_f1": 0.4,
            "macro_f1_low": 0.3,
            "macro_f1_high": 0.5,
            "size_bytes": 110_000_000,
            "compression": 4.0,
            "latency_ms_p50": 5.0,
            "speedup": 2.0,
            "timing_spread": 0.01,
            "speedup_shown": True,
            "speedup_over_pytorch": 4.0,
            "reference": "big",
            "runtime": "openvino",
        },
        {
            "variant": "words",
            "accuracy": 0.55,
            "accuracy_low": 0.53,
            "accuracy_high": 0.57,
            "macro_f1": 0.5,
            "macro_f1_low": 0.48,
            "macro_f1_high": 0.52,
            "size_bytes": 500_000,
            "compression": 880.0,
            "latency_ms_p50": 0.1,
            "speedup": 100.0,
            "timing_spread": 0.01,
            "speedup_shown": True,
            "speedup_over_pytorch": None,
            "reference": "big",
            "runtime": "linear",
        },
    ]
).set_index("variant")
MAPPING = {
    "words": {"row": "two-a", "differs": "characters"},
    "big": {"row": "one-a", "differs": "same|same"},
    HOSTILE: {"row": "one-b", "differs": "same|same"},
}
REAL = {"title": "D", "demo": False}


@pytest.fixture
def file(tmp_path):
    """A function that writes a file of published figures, after a change, and gives its path."""

    def write(change=lambda found: None):
        found = copy.deepcopy(SMALL)
        change(found)
        path = tmp_path / "published.yaml"
        path.write_text(yaml.safe_dump(found), encoding="utf-8")
        return path

    return write


@pytest.fixture
def published(file):
    return load_published(file())


def test_the_projects_file_is_whole():
    found = load_published(ROOT / PUBLISHED)
    rows = found["rows"]
    assert len(rows) == 29
    teachers = [row["teacher"] for row in rows.values() if row["source"] == "rahman2025"]
    assert (teachers.count("banglabert"), teachers.count("mbert")) == (11, 11)
    assert rows["rahman2025-mbert-distil-mbert-mini-prune-quantize"]["accuracy_percent"] == 43.86
    assert rows["rahman2025-mbert-distil-mbert-mini"]["elsewhere"] == {
        "accuracy_percent": 52.38,
        "macro_f1_percent": 50.39,
    }
    assert "int8" in rows["sinha2025-ptq-dynamic"]["cannot_be"]["size_mb"]
    assert {row["source"] for row in rows.values()} == set(found["sources"])


@pytest.mark.parametrize("row", ["sinha2025-fine-tuned", "sinha2025-qlora"])
def test_the_printed_confusions_give_the_printed_scores(row):
    """QLoRA's accuracy and F1 were rounded to whole percents."""
    found = load_published(ROOT / PUBLISHED)
    matrix = found["confusion"][row]["matrix"]
    own = found["rows"][row]
    n = len(matrix)
    assert sum(map(sum, matrix)) == 2000
    f1 = [
        2 * matrix[i][i] / (sum(matrix[i]) + sum(matrix[j][i] for j in range(n))) for i in range(n)
    ]
    digits = 2 if isinstance(own["accuracy_percent"], float) else 0
    assert round(sum(matrix[i][i] for i in range(n)) / 20, digits) == own["accuracy_percent"]
    assert round(100 * sum(f1) / n, digits) == own["macro_f1_percent"]


def test_rows_come_by_id_and_lists_that_are_left_out_are_empty(published):
    assert list(published["rows"]) == ["one-a", "one-b", "two-a"]
    assert published["rows"]["two-a"]["elsewhere"] == published["rows"]["two-a"]["cannot_be"] == {}
    assert published["sources"]["two"]["errors"] == [] and published["confusion"] == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.update(rows=[]), "rows: expected a list"),
        (lambda f: f.pop("sources"), "sources: expected a mapping"),
        (lambda f: f.update(row=1), "unknown key 'row'; did you mean 'rows'? Allowed: sources"),
        (lambda f: f["rows"][1].update(id="one-a"), "rows: two rows have the id one-a"),
        (lambda f: f["rows"][1].pop("id"), "rows: row 2 is not a mapping with an id"),
        (
            lambda f: f["rows"][0].update(source="x"),
            "rows.one-a.source: unknown source 'x'; sources are",
        ),
        (lambda f: f["rows"][0].pop("recipe"), "rows.one-a: missing key 'recipe'"),
        (
            lambda f: f["rows"][0].update(size=4),
            "rows.one-a: unknown key 'size'; did you mean 'size_mb'?",
        ),
        (
            lambda f: f["rows"][0].update(size_mb="4"),
            "rows.one-a.size_mb: '4' is not a number above 0",
        ),
        (lambda f: f["rows"][0].update(size_mb=True), "rows.one-a.size_mb: True is not a number"),
        (lambda f: f["rows"][0].update(speedup=float("nan")), "rows.one-a.speedup: nan is not"),
        (lambda f: f["rows"][0].update(speedup=0), "rows.one-a.speedup: 0 is not a number above 0"),
        (lambda f: f["rows"][0].update(accuracy_percent=101), "accuracy_percent: 101 is more than"),
        (lambda f: f["rows"][2].pop("accuracy_percent"), "rows.two-a: no figure; figures are"),
        (
            lambda f: f["rows"][2].update(elsewhere={"speedup": 2}),
            "elsewhere: 'speedup' is not a figure",
        ),
        (
            lambda f: f["rows"][1].update(cannot_be={"size_mb": 3}),
            "cannot_be.size_mb: 3 is not text",
        ),
        (
            lambda f: f["sources"]["one"].update(errors="x"),
            "sources.one.errors: expected a list of sentences",
        ),
        (lambda f: f["sources"]["two"].pop("title"), "sources.two: missing key 'title'"),
        (lambda f: f.update(confusion={"x": {}}), "confusion.x: no row has this id"),
        (
            lambda f: f.update(
                confusion={"one-a": {"labels": ["a", "b"], "matrix": [[1, 2], [3]]}}
            ),
            "confusion.one-a.matrix: expected one row and one column",
        ),
    ],
)
def test_a_mistake_is_one_line_that_names_its_place(file, change, message):
    path = file(change)
    with pytest.raises(UserError) as caught:
        load_published(path)
    assert message in str(caught.value)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_files_that_are_no_yaml_or_not_there(tmp_path):
    (tmp_path / "a.yaml").write_text("rows: [\n", encoding="utf-8")
    (tmp_path / "b.yaml").write_text("- 1\n", encoding="utf-8")
    for name, message in (("a", "flow"), ("b", "not a mapping"), ("c", "No such file")):
        with pytest.raises(UserError, match=message) as caught:
            load_published(tmp_path / f"{name}.yaml")
        assert "\n" not in str(caught.value)


def test_a_study_that_names_what_is_not_there_is_refused(published):
    block = {"dataset": "d", "variants": ["big", "words"], "published": {}}
    config = {"study": [block]}
    assert list(published_errors(config, published)) == []
    block["published"] = {"words": {"row": "two-a", "differs": "x"}}
    assert list(published_errors(config, published)) == []
    block["published"] = {"small": {"row": "one-a", "differs": "x"}}
    assert list(published_errors(config, published)) == [
        "study.d.published: 'small' is not among the variants: big, words"
    ]
    block["published"] = {"big": {"row": "one_a", "differs": "x"}}
    assert list(published_errors(config, published)) == [
        "study.d.published.big.row: unknown row 'one_a'; did you mean 'one-a'? Allowed: one-a, one-b, two-a"
    ]


def test_load_study_refuses_an_unknown_row(default_config):
    default_config["study"] = [
        {
            "dataset": "demo-en",
            "variants": ["tiny"],
            "published": {"tiny": {"row": "nobody", "differs": "all"}},
        }
    ]
    with pytest.raises(
        UserError, match=r"study\.demo-en\.published\.tiny\.row: unknown row 'nobody'"
    ):
        load_study(default_config, ROOT)


def config_of(name):
    return yaml.safe_load((ROOT / "config" / f"{name}.yaml").read_text("utf-8"))


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_is_matched_with_published_rows(name):
    rows = load_published(ROOT / PUBLISHED)["rows"]
    study = load_study(config_of(name), ROOT)
    matched = {d: [entry["row"] for entry in m.values()] for d, m in study.published.items()}
    assert sum(map(len, matched.values())) >= 3
    for dataset, ids in matched.items():
        assert len(ids) == len(set(ids))
        if not study.datasets[dataset]["demo"]:
            assert {rows[key]["dataset"] for key in ids} <= {dataset}


def test_the_papers_grid_is_matched_whole():
    rows = load_published(ROOT / PUBLISHED)["rows"]
    study = load_study(config_of("paper-grid"), ROOT)
    assert {entry["row"] for entry in study.published["ubmec"].values()} == {
        key for key, row in rows.items() if row["source"] == "rahman2025"
    }
    for variant, entry in study.published["ubmec"].items():
        assert rows[entry["row"]]["teacher"] == variant.split("+")[0]
    assert set(study.published["ubmec"]) == set(study.variants["ubmec"])


@pytest.mark.parametrize("name", ["paper-grid", "emotion-quantization"])
def test_the_miniatures_still_load(name):
    small = merged(config_of(name), config_of("miniature"))
    study = load_study(small, ROOT, several_files=True)
    assert all(study.published.values())


def test_position_by_our_interval_with_its_ends():
    assert position(60.0, 0.6, 0.64) == WITHIN
    assert position(64.0, 0.6, 0.64) == WITHIN
    assert position(59.99, 0.6, 0.64) == "ours is higher"
    assert position(64.01, 0.6, 0.64) == "ours is lower"
    assert position(64.01, float("nan"), 0.64) == ""


def test_differences_are_ours_less_theirs_in_the_order_of_our_rows(published):
    found = compared(MAPPING, published, ROWS)
    assert [item["variant"] for item in found] == ["big", HOSTILE, "words"]
    assert found[0]["accuracy_difference"] == pytest.approx(-0.004)
    assert found[0]["accuracy_position"] == WITHIN
    assert found[0]["macro_f1_difference"] == pytest.approx(-0.05)
    assert found[0]["macro_f1_position"] == "ours is lower"
    assert found[1]["accuracy_difference"] == pytest.approx(-0.02)
    assert found[2]["accuracy_position"] == "ours is higher"
    assert "macro_f1_difference" not in found[2]


def test_what_is_not_there_is_refused_in_one_line(published):
    with pytest.raises(UserError, match="variant 'small' is not in the summary"):
        compared({"small": {"row": "one-a", "differs": "x"}}, published, ROWS)
    with pytest.raises(UserError, match="variant 'big': unknown row 'x'"):
        compared({"big": {"row": "x", "differs": "x"}}, published, ROWS)


def test_figures_are_printed_as_they_were(published):
    rows = published["rows"]
    assert printed(rows["one-a"], "accuracy_percent") == "62.36 (elsewhere 60.10)"
    assert printed(rows["one-a"], "macro_f1_percent") == "60.00"
    assert printed(rows["one-b"], "accuracy_percent") == "52"
    assert printed(rows["one-b"], "size_mb") == "186 †"
    assert printed(rows["one-b"], "speedup") == "–"
    assert all(
        key in FIGURES for row in rows.values() for key in row if key.endswith(("_mb", "_m"))
    )


def test_the_table(published):
    text = published_table(MAPPING, published, ROWS)
    lines = text.splitlines()
    big = next(line for line in lines if line.startswith("| `big` | [one]"))
    assert big == (
        "| `big` | [one](https://example.org/1): big, teacher | 62.36 (elsewhere 60.10) | 61.96 | −0.40 | "
        "within our interval | 60.00 | 55.00 | −5.00 | ours is lower |"
    )
    costs = [line for line in lines if line.startswith("| ") and "MB" in line]
    assert costs[0].startswith(
        "| Variant | Size published, MB | our size | Compression published |"
    )
    assert costs[1] == "| `big` | 420 | 440.00 MB | 1x | 1.0x | 1x | 1.0x | (2.0x) | – | 10.00 |"
    assert "186 † | 110.00 MB | – | 4.0x | – | 2.0x in openvino | 4.0x | 9.5 | 5.00 |" in costs[2]
    assert len(costs) == 3  # "words" has no cost published
    assert "- one: Its sizes \\| lie." in lines
    assert "- one †: no int8 file (size 186 of `one-b`)." in lines
    assert any(line.endswith("x\\`\\*: same\\|same") for line in lines)
    assert "&lt;b&gt;Second&lt;/b&gt;" in text and "<" not in text


def test_without_a_mapping_there_is_no_table_and_without_costs_no_second_one(published):
    assert published_table({}, published, ROWS) == ""
    text = published_table({"words": MAPPING["words"]}, published, ROWS)
    assert "Size published" not in text and "nothing that we know of" in text
    assert sum(line.startswith("| :---") for line in text.splitlines()) == 1


def test_a_demo_corpus_gets_its_note_and_no_verdict(published):
    text = published_table(MAPPING, published, ROWS, demo=True)
    assert text.startswith("*Demo corpus")
    assert "within our" not in text and "ours is" not in text and "−0.40" not in text
    assert "62.36" in text and "61.96" in text
