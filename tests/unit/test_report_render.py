"""The report from synthetic results: two data sets, nine variants, two seeds."""

import itertools
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pandas as pd
import pytest
import synthetic

from emopress.errors import UserError
from emopress.measure.deciding import METRICS
from emopress.measure.results import checked_summary, read_benchmarks, recipe_order, rows_of
from emopress.report.dataset_view import Config, Results
from emopress.report.figures.names import figure_names
from emopress.report.markdown import write_markdown
from emopress.report.view import report_view
from emopress.report.words.contrasts import verdict
from emopress.report.words.markup import DEMO_NOTE, ratio

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "workflow" / "report" / "report.md.j2"
VARIANTS = synthetic.VARIANTS
ENVIRONMENT = {
    "python": "3.11.7",
    "packages": {"onnxruntime": "1.31.1"},
    "cpu": "Some CPU",
    "cpu_flags": ["avx512_vnni"],
    "x64quantprecision": "0",
    "memory_gb": 8.0,
    "os": "Linux",
    "git_commit": "0123abc",
    "git_dirty": False,
}


@pytest.fixture
def inputs():
    """All that the report is made of, to spoil."""
    return {
        **synthetic.study(),
        **synthetic.told(),
        "rulegraph": "noise\nflowchart TB\n  a --> b\n",
        "benchmarks": {},
        "template": TEMPLATE,
        "training_figures": [],
    }


def render(inputs, folder):
    """Write the report into a folder and return its text."""
    fields = [{k: inputs[k] for k in part.__dataclass_fields__} for part in (Results, Config)]
    view = report_view(
        Results(**fields[0]),
        Config(**fields[1]),
        environment=ENVIRONMENT,
        rulegraph=inputs["rulegraph"],
        benchmarks=inputs["benchmarks"],
        training_figures=inputs["training_figures"],
    )
    write_markdown(view, template=inputs["template"], out=folder / "report.md")
    return (folder / "report.md").read_text(encoding="utf-8")


@pytest.fixture
def report(inputs, tmp_path):
    return render(inputs, tmp_path)


def part_of(report, heading):
    """Return the report from a heading of level two to the next."""
    return re.split(r"^## ", report.split(f"## {heading}", 1)[1], maxsplit=1, flags=re.M)[0]


def cells(line):
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


def test_a_wide_summary_is_read_without_a_warning(inputs):
    more = {f"accuracy_noise_{n}": [0.5] * len(inputs["summary"]) for n in range(100, 250)}
    wide = pd.concat([inputs["summary"], pd.DataFrame(more)], axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = rows_of(checked_summary(wide, inputs["datasets"]), "real")
    assert rows["accuracy_noise_249"].eq(0.5).all() and "other_engine" in rows


def test_numbers_of_the_main_table_are_those_of_the_summary(inputs, report):
    lines = [ln for ln in part_of(report, "Results: Real").splitlines() if ln.startswith("|")]
    head, rows = cells(lines[0]), [cells(line) for line in lines[2 : 2 + len(VARIANTS)]]
    table = pd.DataFrame(rows, columns=head).set_index("Variant")
    for row in inputs["summary"].query("dataset == 'real'").to_dict("records"):
        simulated = " (simulated)" if row["variant"] == "teacher+mag30" else ""
        told = table.loc[f"`{row['variant']}`{simulated}"]
        assert told["Accuracy %"] == f"{100 * row['accuracy']:.2f} ± {100 * row['accuracy_sd']:.2f}"
        low, high = 100 * row["accuracy_low"], 100 * row["accuracy_high"]
        assert told["Accuracy, 95 %"] == f"{low:.1f} to {high:.1f}"
        assert told["Macro F1 %"].startswith(f"{100 * row['macro_f1']:.2f} ±")
        assert told["Compression"] == f"{row['compression']:.1f}x"
        speedup = ratio(row["speedup"])
        sure = row["speedup_shown"] or row["variant"] == "teacher"
        assert told["Speedup"] == (speedup if sure else f"({speedup})")
        assert told["p95 ms"] == f"{row['latency_ms_p95']:.2f}"
    assert table.loc["`teacher+mag30` (simulated)", "Speedup"] == "(0.99x)"
    assert table.loc["`linear+w8`", "Size"] == "52.0 kB"
    assert table.loc["`teacher`", "Size"] == "90.90 MB"
    assert table.loc["`linear`", "Over PyTorch"] == "–"
    assert table.loc["`teacher`", "Pareto front"] == "size and latency"
    assert table.loc["`teacher+kd+int8`", "Pareto front"] == "size"
    assert table.loc["`teacher+mag30` (simulated)", "Pareto front"] == "–"
    assert list(table.index)[:3] == ["`teacher`", "`teacher+int8`", "`teacher+dyn`"]


def test_every_table_of_a_demo_corpus_has_the_notice_and_no_other(report):
    # main, engines, three of tests, noise, running, passes
    tables = {"Results": 8, "Details": len(VARIANTS)}
    for part, title in itertools.product(tables, ("Demo", "Real")):
        lines = part_of(report, f"{part}: {title}").splitlines()
        starts = [i for i, ln in enumerate(lines) if ln.startswith("| :") or ln.startswith("| -")]
        assert len(starts) == tables[part]
        for start in starts:
            assert (lines[start - 3] == DEMO_NOTE) == (title == "Demo")
    data = part_of(report, "Data\n")
    demo, real = data.split("### Data card: ")[1:]
    assert demo.count(DEMO_NOTE) == demo.count("\n| :---") == 5
    assert DEMO_NOTE not in real
    assert report.splitlines()[2].startswith("> **Some numbers here come from demo corpora")


def test_no_notice_without_a_demo_corpus(inputs, tmp_path):
    inputs["datasets"]["demo-en"]["demo"] = False
    text = render(inputs, tmp_path)
    assert "demo corpora" not in text and DEMO_NOTE not in text


def test_hostile_text_stays_text(report):
    assert "<script>" not in report and "<i>" not in report and "<b>" not in report
    assert r"| &lt;script&gt;\| |" in report and r"| \=1+1 |" in report
    assert r"Demo \| &lt;i&gt;English&lt;/i&gt;" in report
    assert r"[MIT \| &lt;b&gt;](https://example.org/licence)" in report
    assert r"\*A title\*" in report


def test_tables_are_whole_and_stand_between_blank_lines(report):
    lines = ["", *report.splitlines(), ""]
    assert report.endswith("\n") and "\n\n\n" not in report
    for number, line in enumerate(lines):
        if line.startswith("| :---") or line.startswith("| ---"):
            assert lines[number - 2] == ""
            end = number
            while lines[end].startswith("|"):
                assert len(cells(lines[end])) == len(cells(line)) == len(cells(lines[number - 1]))
                end += 1
            assert lines[end] == ""


def test_models_of_students_and_tokenizers_are_listed_once(report):
    lines = part_of(report, "What was run").split("Models:")[1].split("Passes:")[0].splitlines()
    names = [cells(line)[0] for line in lines if line.startswith("| `")]
    assert names == ["`teacher`", "`linear`", "`tiny`", "`donor`"]


def test_card_prints_the_keys_of_its_split_and_the_leak_by_letters(inputs, tmp_path):
    inputs["cards"]["real"]["split"] = {"method": "given", "seed": 42, "test_size": 0.3}
    text = render(inputs, tmp_path)
    assert "Split: method: given. " in text and "Split: method: clean; seed: 42. " in text
    inputs["cards"]["real"]["raw"]["given_splits"] = {"train": {}, "test": {}}  # validation is cut
    inputs["cards"]["real"]["split"] = {"method": "given", "seed": 42, "test_size": 0.3}
    assert "Split: method: given; seed: 42. " in render(inputs, tmp_path)
    assert text.count("**15 test texts may have been memorised") == 2
    assert "too high by up to 2.50 points" in text


def test_where_results_and_report_were_made_is_told_apart(report):
    assert "texts / s is measured in batches of 16." in part_of(report, "Results: Real")
    assert "Timed with python 3.12.1, onnxruntime 1.30.0." in part_of(report, "Results: Real")
    assert "with which this report was rendered" in part_of(report, "Environment")
    assert "The curves are those" not in report


def test_engine_share_words_for_pruning_and_simulation(report):
    results_part = part_of(report, "Results: Real")
    assert "| `teacher` | PyTorch fp32 eager | 24.00 | 30.00 | 100 | 1.0x | – | – |" in results_part
    assert (
        "| `teacher` | onnxruntime (its bundle) | 8.00 | 12.00 | 250 | 3.0x | – | – |"
        in results_part
    )
    assert "**Simulated:** `teacher+mag30`." in results_part
    assert "lowers neither latency nor file size" in results_part
    assert "Some CPU @ 2.0 GHz (`avx2`) with 1 thread(s) in 20 interleaved rounds" in results_part
    slower = "`session.x64quantprecision=1`: exact int8 products, slower than those of VNNI."
    assert f"ONNX Runtime ran with {slower}" in results_part
    exact = "`session.x64quantprecision=0`: its int8 products are exact without it"
    assert f"- ONNX Runtime runs here with {exact}" in part_of(report, "Environment")
    assert "```mermaid\nflowchart TB\n  a --> b\n```" in report
    assert "temperature: 2" in report and "calibration: 100" in report


def test_what_the_jobs_took_is_summed_up_by_rule(inputs, tmp_path):
    assert "What the jobs took" not in render(inputs, tmp_path)
    head = "s\th:m:s\tmax_rss\tio_in\tmean_load\tcpu_time\n"
    files = {
        "time/real.tsv": "1.20\t0:00:01\t41.95\t0.00\t7.51\t0.18\n",
        "finetune/real/a.seed0.tsv": "100.40\t0:01:40\t900.2\t0.1\t150.0\t149.7\n",
        "finetune/real/b+c.seed0.tsv": "1900.00\t0:31:40\t1200.6\t0.1\t99.0\t1880.0\n",
        "judge/real.tsv": "0.02\t0:00:00\tNA\tNA\tNA\tNA\n",  # it was over before it was measured
        "render.tsv": "9.00\t0:00:09\t1.0\t0.0\t1.0\t9.0\n",  # of an earlier report
    }
    for name, line in files.items():
        path = tmp_path / "benchmarks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + line, encoding="utf-8")
    inputs["benchmarks"] = read_benchmarks(tmp_path / "benchmarks")
    part = part_of(render(inputs, tmp_path), "Environment")
    assert part.strip().splitlines()[-5:] == [
        "| Rule | Jobs | Seconds | Longest, s | Peak memory, MiB | CPU seconds |",
        "| :--- | ---: | ---: | ---: | ---: | ---: |",
        "| `finetune` | 2 | 2,000 | 1,900 | 1,201 | 2,030 |",
        "| `time` | 1 | 1 | 1 | 42 | 0 |",
        "| `judge` | 1 | 0 | 0 | – | 0 |",
    ]


def test_an_engine_that_ran_no_variant_is_not_told_of(inputs, tmp_path):
    table = inputs["summary"]
    table.loc[table["dataset"] == "real", "runtime"] = "linear"
    text = render(inputs, tmp_path)
    assert "ONNX Runtime ran with" not in part_of(text, "Results: Real")


def test_a_search_has_its_section_and_its_unmet_budget_is_told(inputs, report, tmp_path):
    assert "What the searches chose" not in report
    step = {"name": "auto", "kind": "search", "prefer": "size", "budget": {"max_latency_ms": 2}}
    found = {"chosen": "teacher+dyn", "met": False, "misses": {"max_latency_ms": 0.9}, "trials": 5}
    for seed in inputs["details"]["real"]["teacher+int8"].values():
        seed["recipe"].append(step)
        seed["findings"] = {**seed["findings"], "auto": found}
    text = render(inputs, tmp_path)
    assert text.count("### What the searches chose") == 1
    row = "| 5 | latency: ≤ 2 ms | size | `teacher+dyn` | **no**, missed: latency by 0.9 ms |"
    assert f"| `teacher+int8` | 1 {row}" in part_of(text, "Results: Real")
    assert "### Real texts (language: en)" in text


def test_recipe_order_puts_parents_first():
    assert recipe_order(["a+x", "b", "a+y", "a", "a+x+z", "b+x"]) == [
        "a",
        "a+x",
        "a+x+z",
        "a+y",
        "b",
        "b+x",
    ]


def change(inputs, column, value):
    inputs["summary"] = inputs["summary"].astype({column: object})
    inputs["summary"].loc[3, column] = value


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda i: i.update(summary=i["summary"].drop(columns="macro_f1")), "'macro_f1' is a req"),
        (lambda i: i.update(summary=i["summary"].iloc[:0]), "no rows"),
        (lambda i: change(i, "accuracy", 92.5), "column accuracy: 92.5 is greater than"),
        (lambda i: change(i, "size_bytes", "big"), "column size_bytes: 'big' is not of type"),
        (lambda i: change(i, "latency_ms_p50", None), r"teacher\+mag30, column latency_ms_p50"),
        (lambda i: change(i, "dataset", "other"), "'other' is not a data set of the config"),
        (lambda i: change(i, "variant", "teacher"), "two rows for data set demo-en, variant teach"),
        (lambda i: i["details"]["real"].pop("linear"), "details.json: real, linear: 0 seeds"),
        (lambda i: i["details"]["real"]["linear"]["1"].pop("n_test"), "no key 'n_test'"),
        (lambda i: i["details"]["real"]["linear"]["1"].update(n_test=9), "n_test is 9"),
        (lambda i: i["statistics"].pop("real"), "statistics/real.json: not an input"),
        (lambda i: i["recommendation"].pop("real"), "recommendation.json, real: not an input"),
        (lambda i: i["cards"]["real"].pop("leakage"), "data/real/card.json: no key 'leakage'"),
        (lambda i: i["cards"].pop("real"), "data/real/card.json: not an input"),
        (lambda i: [row.pop("runtime") for row in i["timing"]["real"]["rows"]], "no key runtime"),
        (lambda i: i["timing"]["real"].pop("environment"), "timing/real.json: environment"),
        (lambda i: i.update(passes={}), "defines no pass 'int8'"),
        (lambda i: i["study"].pop("command"), "study has no key command"),
        (lambda i: i.update(rulegraph="Traceback"), "not a Mermaid"),
        (lambda i: i.update(template=Path("gone.j2")), "gone.j2: no such file"),
    ],
)
def test_bad_input_is_one_readable_line_and_leaves_no_report(inputs, tmp_path, spoil, message):
    spoil(inputs)
    with pytest.raises(UserError, match=message) as caught:
        render(inputs, tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_stale_details_are_noticed(inputs, tmp_path):
    inputs["details"]["real"]["linear"]["1"]["confusion"] = [[100, 0, 0], [70, 0, 0], [0, 0, 30]]
    with pytest.raises(UserError, match=r"accuracy is 0.7.*, but results/summary\.csv has 0\.8"):
        render(inputs, tmp_path)


def test_an_unknown_name_in_the_template_is_an_error(inputs, tmp_path):
    inputs["template"] = tmp_path / "template.j2"
    inputs["template"].write_text("{{ nothing }}", encoding="utf-8")
    with pytest.raises(UserError, match=r"template\.j2: 'nothing' is undefined"):
        render(inputs, tmp_path)


def test_captions_are_valid_restructured_text():
    core = pytest.importorskip("docutils.core")
    for path in sorted((ROOT / "workflow" / "report").glob("*.rst")):
        settings = {"halt_level": 2, "report_level": 5}
        core.publish_string(path.read_text(encoding="utf-8"), settings_overrides=settings)


def test_the_report_needs_no_torch():
    code = (
        "import sys, emopress.report.markdown, emopress.report.view, "
        "emopress.report.figures.draw, emopress.report.page.page; "
        "print([m for m in ('torch', 'transformers', 'sklearn', 'datasets', 'onnxruntime', "
        "'matplotlib') if m in sys.modules])"
    )
    scripts = ROOT / "workflow" / "scripts"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(scripts)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


def test_figures_are_linked_under_the_names_that_they_are_written_with(inputs, tmp_path):
    inputs["training_figures"] = ["real"]
    text = render(inputs, tmp_path)
    links = set(re.findall(r"\]\(figures/([^)]+)\.svg\)", text))
    names = figure_names("demo-en", noise=True) + figure_names("real", training=True, noise=True)
    assert links == set(names)
    assert text.count("The curves are those of seed 1.") == 1


def test_tests_are_told_in_words(report):
    part = part_of(report, "Results: Real").split("### How certain")[1]
    found = {}
    for title in (
        "Against its own teacher",
        "Against the linear baseline",
        "Against the reference",
    ):
        lines = part.split(f"{title}", 1)[1].split("\n\n")[1].splitlines()
        head = cells(lines[0])
        rows = [dict(zip(head, cells(line), strict=True)) for line in lines[2:]]
        found[title.rsplit(maxsplit=1)[-1]] = {row["Variant"]: row for row in rows}
    assert "`teacher`" not in found["teacher"] and "`linear`" not in found["baseline"]
    assert list(found["reference"]) == [
        "`linear`",
        "`linear+w8`",
    ]  # others stand among the teachers
    row = found["teacher"]["`teacher+kd+int8`"]  # 175 right against 180 of the teacher
    assert (row["Accuracy points"], row["Accuracy, 95 %"]) == ("−2.50", "−5.5 to +0.5")
    assert (row["Accuracy p"], row["In words"]) == ("0.9", "no difference shown")
    assert (row["Agreement %"], row["Macro F1 p"]) == ("95.50", "0.6")
    row = found["baseline"]["`teacher+kd+int8`"]  # and 160 of the linear model
    assert (row["Accuracy points"], row["In words"]) == ("+7.50", "better in accuracy")


def test_an_interval_without_zero_beside_no_difference_shown_is_explained():
    assert said((-0.05, -0.1, -0.01, False)) == "no difference shown (uncorrected: worse)"
    assert said((0.05, 0.01, 0.1, False)) == "no difference shown (uncorrected: better)"
    assert said((0.05, -0.01, 0.1, False)) == "no difference shown"
    assert said((0.05, 0.01, 0.1, True)) == "better"


def said(*tests):
    """Return the verdict on tests (difference, low, high, shown) of accuracy, then of macro F1."""
    keys = ("difference", "low", "high", "shown")
    metrics = (METRICS["accuracy"], METRICS["macro_f1"])
    return verdict(
        {
            metric: dict(zip(keys, test, strict=True))
            for metric, test in zip(metrics, tests, strict=False)
        }
    )


def test_no_difference_is_shown_where_neither_test_shows_one():
    none, loss = (-0.01, -0.03, 0.01, False), (-0.04, -0.07, -0.01, True)
    assert said(none, none) == "no difference shown"
    assert said(none, loss) == "worse in macro F1"
    assert said(loss, none) == "worse in accuracy"
    assert said(loss, loss) == "worse"
    assert said((0.02, 0.01, 0.03, True), loss) == "better in accuracy, worse in macro F1"
    assert said(none, (*loss[:3], False)) == "no difference shown (uncorrected: worse in macro F1)"


def test_noise_and_running_costs_stand_in_tables(report):
    part = part_of(report, "Results: Real")
    assert "| `linear` | 80.00 | 70.00 | 60.00 | −20.00 |" in part
    assert "| `teacher` | 8.00 | 250 | 4.80 | 375 | 308 | 140.90 MB |" in part


def test_what_was_read_otherwise_than_it_may_be_meant_is_told(inputs, tmp_path):
    report = render(inputs, tmp_path)
    assert report.count("survey.xlsx: sheet 'January' is read, and not '&lt;b&gt;February'") == 2
    del inputs["cards"]["real"]["notes"]
    with pytest.raises(UserError, match=r"results/data/real/card\.json: no key 'notes'"):
        render(inputs, tmp_path)
