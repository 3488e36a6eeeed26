"""The interactive report as a file: size, policy, escaping, what it embeds, and its colours."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from emopress.errors import UserError
from emopress.measure.deciding import METRICS, Judge
from emopress.report.figures.looks import IN_THE_DARK, SHAPES, SORTS, SURFACES
from emopress.report.page import page as page_module
from emopress.report.page.charts import config, look_of, specs
from emopress.report.page.columns import COLUMNS, columns_of, noise_keys
from emopress.report.page.embedded import page_data, shown_answers
from emopress.report.page.html import html_of, inline_html_of, plain_text
from emopress.report.page.page import MAX_BYTES, TEMPLATES, write_page
from emopress.report.words.contrasts import comparison_sentences
from emopress.report.words.markup import Markdown, code, escape, points
from page_example import BENGALI, HOSTILE, SPEC, VARIANTS, example

CSS = (TEMPLATES / "report.css").read_text("utf-8")
JS = (TEMPLATES / "report.js").read_text("utf-8")


class Reader(HTMLParser):
    """Collects a page's elements, its texts outside of scripts, and its scripts."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.texts, self.raw, self.ids = [], [], [], []
        self.inside = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.elements.append((tag, found))
        if "id" in found:
            self.ids.append(found["id"])
        self.inside = (tag, found) if tag in ("script", "style") else None

    def handle_endtag(self, tag):
        if self.inside and tag == self.inside[0]:
            self.inside = None

    def handle_data(self, data):
        (self.raw if self.inside else self.texts).append(
            (self.inside, data) if self.inside else data
        )

    def scripts(self):
        """Return the inline scripts and styles by tag and type, their pieces joined."""
        joined = {}
        for (tag, attrs), data in self.raw:
            key = (tag, attrs.get("type", ""), attrs.get("id", ""))
            joined.setdefault(key, []).append(data)
        return joined


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    out = tmp_path_factory.mktemp("page") / "report.html"
    write_page(**example(), out=out)
    return out.read_text("utf-8")


@pytest.fixture(scope="module")
def reader(text):
    return Reader(text)


def embedded(reader):
    (pieces,) = (v for k, v in reader.scripts().items() if k[1] == "application/json")
    return json.loads("".join(pieces))


def test_it_stays_below_its_size_and_a_variant_costs_little(text):
    assert len(text.encode()) < 1_200_000 < MAX_BYTES
    data = json.dumps(example()["data"], separators=(",", ":"))
    assert len(data) / (2 * len(VARIANTS)) < 4000  # 100 variants on two data sets: under 0.8 MB


def test_figures_that_do_not_fit_are_left_out_and_named(tmp_path):
    parts = example()
    noise = "".join(chr(97 + (7 * i * i) % 26) for i in range(2_300_000))
    parts["figures"]["real-bn-huge"] = {**SPEC, "description": noise}
    write_page(**parts, out=tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text("utf-8")
    assert len(text.encode()) < MAX_BYTES
    assert "but in the folder <code>figures</code>: real-bn-huge." in text
    assert text.count("data-figure=") == 2 and noise not in text


def test_nothing_in_it_would_be_loaded(reader):
    loading = ("src", "srcset", "poster", "data", "action", "formaction", "ping", "background")
    for tag, attrs in reader.elements:
        for name in loading:
            assert (attrs.get(name) or "data:").startswith("data:"), (tag, attrs)
        assert tag not in ("link", "iframe", "object", "embed", "base", "video", "audio", "form")
        if tag == "a":
            assert attrs["href"].startswith(("#", "https://example.org/"))
        assert not [name for name in attrs if name.startswith("on") or name == "style"], attrs
    assert "url(" not in CSS and "@import" not in CSS


def test_the_policy_allows_its_own_scripts_by_hash_and_nothing_else(reader):
    policy = next(
        attrs["content"]
        for tag, attrs in reader.elements
        if tag == "meta" and attrs.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["img-src"] == "data:"
    assert "unsafe" not in policy and "http" not in policy
    names = [tag for tag, _ in reader.elements]
    assert names.index("meta") < names.index("style")
    allowed = rules["script-src"].split() + rules["style-src"].split()
    found = []
    for (tag, kind, _), pieces in reader.scripts().items():
        if kind != "application/json":
            found += [_hash(piece) for piece in _whole(tag, pieces)]
    assert sorted(allowed) == sorted(found) and len(found) == 3


def _hash(piece):
    return f"'sha256-{base64.b64encode(hashlib.sha256(piece.encode()).digest()).decode()}'"


def _whole(tag, pieces):
    """The two scripts without a type come as one list of pieces; the page's own is the last."""
    joined = "".join(pieces)
    if tag == "style":
        return [joined]
    return [joined.removesuffix(JS), JS]


def test_hostile_text_stays_text(text, reader):
    assert text.count("<script") == 3  # two programs and one block of JSON
    assert "<i>demo" not in text and "<b>bold" not in text and "alert(1)</script>" not in text
    shown = "".join(reader.texts)
    assert "<script>alert(1)</script>" in shown  # the label, in the data card
    assert "English <i>demo</i>" in shown and "A <b>bold</b> study." in shown
    assert "</script><script>alert(2)</script>" in shown
    data = embedded(reader)
    assert data["datasets"][1]["labels"] == HOSTILE and data["datasets"][0]["labels"] == BENGALI
    told = data["datasets"][0]["variants"]["teacher+mag30"]["findings"][0][1]
    assert "zeros in the linear layers: 30 %" in told and "<b>: <script>|" in told


def test_the_script_only_ever_sets_text():
    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "fetch(",
    ):
        assert word not in JS
    assert len(JS.splitlines()) < 370


def test_markdown_without_html_without_images_without_styles():
    assert "&lt;script&gt;" in html_of("<script>x</script>")
    assert "<img" not in html_of("![a](b.svg)") and "javascript" not in _links("[a](javascript:x)")
    table = html_of("| a | b |\n| :--- | ---: |\n| <b> | 1 |")
    assert 'style="' not in table and '<td class="right">1</td>' in table and "&lt;b&gt;" in table
    assert table.startswith('<div class="scroll" tabindex="0" role="region"')
    assert inline_html_of("**a** `b`, 4.3 MB") == "<strong>a</strong> <code>b</code>, 4.3\u00a0MB"
    assert inline_html_of("p < 0.01, p = 1") == "p\u00a0&lt;\u00a00.01, p\u00a0=\u00a01"
    for raw in ("a*b_c`d|e<f>&g\\h", "1. x", "=1+1", "<b>"):
        assert plain_text(escape(raw)) == raw
    assert plain_text(code("teacher+kd")) == "teacher+kd"


def _links(markdown):
    return re.findall(r'href="([^"]*)"', html_of(markdown))


def test_the_same_input_gives_the_same_bytes(text, tmp_path):
    write_page(**example(), out=tmp_path / "again.html")
    assert (tmp_path / "again.html").read_text("utf-8") == text
    assert "/work/" not in text and "/tmp/" not in text


def test_ids_are_unique_and_what_labels_refer_to_exists(reader):
    assert len(reader.ids) == len(set(reader.ids))
    for _, attrs in reader.elements:
        for name in ("aria-labelledby", "aria-describedby", "for"):
            assert attrs.get(name, "main") in reader.ids
        if attrs.get("href", "").startswith("#") and "/" not in attrs["href"]:
            assert attrs["href"][1:] in reader.ids
    assert ("html", {"lang": "en"}) in reader.elements
    assert all(attrs.get("alt") for tag, attrs in reader.elements if tag == "img")


def test_the_numbers_are_those_of_the_summary_and_read_as_in_the_report(reader):
    dataset = embedded(reader)["datasets"][0]
    keys = [column["key"] for column in dataset["columns"]]
    row = next(row for row in dataset["rows"] if row["variant"] == "teacher+trim+kd+int8")
    found = dict(zip(keys, row["values"], strict=True))
    texts = dict(zip(keys, row["texts"], strict=True))
    assert (found["accuracy"], found["size_bytes"]) == (0.9225, 4_330_120)
    assert texts["accuracy"] == "92.25 ± 0.25\n89.8 to 94.7"
    assert texts["size_bytes"] == "4.33 MB" and texts["speedup"] == "6.3x"
    assert texts["reference_difference"] == f"{points(-0.0075)}\n−1.9 to +0.5, not shown"
    assert texts["accuracy_noise_20"] == "62.25"
    assert row["badges"] == ["smallest"] and row["ends"]["accuracy"] == [0.8975, 0.9465]
    assert list(row["ends"]) == ["accuracy", "macro_f1"]
    assert [gain["title"] for gain in dataset["gains"]] == ["Accuracy", "Macro F1"]
    others = {row["variant"]: row for row in dataset["rows"]}
    assert others["linear+w8"]["badges"] == ["fastest (nearest miss)"]
    assert others["teacher"]["badges"] == ["reference"]
    assert others["linear"]["badges"] == ["linear baseline"]
    assert others["teacher+mag30"]["simulated"] and not others["teacher"]["simulated"]
    assert (
        "not shown by timing"
        in dict(zip(keys, others["teacher+trim"]["texts"], strict=True))["speedup"]
    )
    slow = dict(zip(keys, others["teacher+trim"]["texts"], strict=True))["speedup_over_pytorch"]
    assert slow == "1.9x"  # the reference in PyTorch takes 12.4 ms
    assert others["teacher"]["values"][keys.index("agreement")] is None
    assert dataset["fronts"]["size_bytes"]["accuracy"][0] == [520_000, 0.8625]
    assert dataset["fronts"]["size_bytes"]["accuracy"][-1] == [91_451_424, 0.93]
    explained = dataset["variants"]["teacher+trim+kd+int8"]
    assert explained["confusion"] == [[400, 62, 0], [0, 238, 0], [0, 0, 100]]  # both seeds
    assert explained["per_class"][1] == [0.9, 0.8, 0.7, 100, 0.55, 0.85]
    assert explained["noise"][3] == [0.2, 0.6225, 0.5975, 0.6475]
    assert explained["reliability"][2] == [0.97, 0.95, 700] and len(explained["curve"]) == 4
    assert explained["recipe"][2] == ["kd", "distill", "student: tiny; temperature: 2"]


def test_statistics_recommendation_and_curves_may_be_absent(tmp_path):
    parts = example()
    keys = ("variant", "accuracy", "macro_f1", "size_bytes", "latency_ms_p50")
    row = dict(zip(keys, ("only", 0.9, 0.8, 5e6, 1.5), strict=True))
    summary = pd.DataFrame([{"dataset": "real-bn", "task": "multi", "judge_by": "macro_f1", **row}])
    seed = {
        "confusion": [[5]],
        "per_class": {"joy": {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 5}},
        "recipe": [{"name": "only", "family": "linear"}],
        "findings": {},
    }
    given = {
        "details": {"real-bn": {"only": {"0": seed}}},
        "statistics": {},
        "recommendation": {},
        "curves": {},
        "datasets": {"real-bn": {"labels": ["joy"]}},
    }
    data = page_data(summary=summary, **given)
    (dataset,) = data["datasets"]
    gains = [(gain["key"], gain["column"]) for gain in dataset["gains"]]
    assert gains == [("macro_f1", "macro_f1"), ("subset_accuracy", "accuracy")]
    heads = {column["key"]: column["label"] for column in dataset["columns"]}
    assert heads["accuracy"] == "Subset accuracy %" and next(iter(heads)) == "macro_f1"
    assert dataset["title"] == "real-bn" and dataset["reference"] is None
    assert dataset["variants"]["only"]["tests"] == [] and dataset["rows"][0]["badges"] == []
    write_page(context=parts["context"], data=data, figures={}, out=tmp_path / "report.html")
    with pytest.raises(UserError, match=r"details.json: real-bn, only: no such entry"):
        page_data(summary=summary, **{**given, "details": {}})
    with pytest.raises(UserError, match=r"summary.csv: no column macro_f1"):
        page_data(summary=summary.drop(columns="macro_f1"), **given)
    del seed["per_class"]["joy"]["f1"]
    with pytest.raises(UserError, match=r"details.json: real-bn, only: no key 'f1'"):
        page_data(summary=summary, **given)


def test_columns_appear_only_where_they_were_measured():
    table = pd.DataFrame({"accuracy": [0.9], "ece": [None], "accuracy_noise_10": [0.8]})
    table = table.assign(
        accuracy_noise_5=0.85, accuracy_noise_20=float("nan"), macro_f1_noise_5=0.7
    )
    table = table.assign(task="single", judge_by="accuracy")
    assert noise_keys(table, METRICS["macro_f1"]) == ["macro_f1_noise_5"]
    assert noise_keys(table, METRICS["accuracy"]) == [
        "accuracy_noise_5",
        "accuracy_noise_10",
        "accuracy_noise_20",
    ]
    found = [column.key for column in columns_of(table)]
    assert found == ["accuracy", "accuracy_noise_5", "accuracy_noise_10"]
    assert len({column.key for column in COLUMNS}) == len(COLUMNS)


def test_paired_tests_in_words():
    test = {
        "variant": "teacher",
        "accuracy_difference": -0.007,
        "accuracy_low": -0.0155,
        "accuracy_high": 0.001,
        "macro_f1_difference": -0.002,
        "macro_f1_low": -0.02,
        "macro_f1_high": 0.016,
        "macro_f1_p_holm": 0.7,
        "macro_f1_shown": False,
        "mcnemar_p_holm": 0.3401,
        "shown": False,
        "only_this_right": 31,
        "only_other_right": 45,
    }
    against = {"teacher": test, "reference": test, "linear": None}
    judge = Judge("single", "accuracy")
    assert comparison_sentences("teacher+kd", {"against": against}, judge, 200) == [
        "Against its teacher teacher: −0.70 points of accuracy (95 % interval −1.6 to +0.1), not shown "
        "(McNemar's test, p = 0.34 after Holm). −0.20 points of macro F1 (95 % interval −2.0 to +1.6), not shown "
        "(paired bootstrap, p = 0.7 after Holm). 31 texts only this one has right, 45 only the other."
    ]
    sure = {**test, "shown": True, "mcnemar_p_holm": 1e-9, "variant": "linear"}
    (told,) = comparison_sentences("teacher+kd", {"against": {"linear": sure}}, judge, 200)
    assert "a difference is shown (McNemar's test, p < 0.0001 after Holm)" in told
    assert comparison_sentences("teacher", {"against": {"reference": test}}, judge, 200) == []
    assert comparison_sentences("x", {}, judge, 200) == []


def test_answers_are_joined_by_data_set_and_fold_only_what_comes_next():
    parts = example()
    for dataset in parts["context"]["datasets"]:
        dataset["answer"]["title"] = "the same for both"
    first, second = shown_answers(parts["context"], parts["data"])
    assert first["link"] == "#real-bn/teacher+trim+kd+int8"
    assert second["link"] == "#demo-en/teacher+trim+kd+int8"
    assert [term for term, _ in first["more"]] == ["Runner-up"]
    assert first["more"][0][1].startswith("`teacher+int8`")
    parts["context"]["datasets"][0]["answer"]["variant"] = "not on the page"
    parts["context"]["datasets"][1]["answer"]["same_family"] = Markdown("`x`")
    first, second = shown_answers(parts["context"], parts["data"])
    assert first["link"] is None
    assert [term for term, _ in second["more"]] == ["Runner-up", "Same family"]


def test_cautions_and_what_is_not_known_stand_outside_of_what_is_folded(text):
    answer = text.split('<article class="answer">')[1].split("</article>")[0]
    open_part, folded = answer.split("<details")
    assert "whose licence restricts use: cc-by-nc-sa-4.0" in open_part
    seen, rest = open_part.split('<span class="rest">')
    assert (
        "It was trained once; what another" in seen and "not corrected" in rest.split("</span>")[0]
    )
    assert "restricts use" not in folded and "teacher+int8" in folded


def test_an_answer_without_a_variant_is_one_sentence(tmp_path):
    parts = example()
    answer = parts["context"]["datasets"][0]["answer"]
    answer |= {"variant": None, "headline": Markdown("Nothing can be recommended.")}
    answer |= dict.fromkeys(("cost", "runner_up", "same_family"), Markdown(""))
    answer |= {"sure": [], "caveats": [], "warnings": []}
    write_page(**parts, out=tmp_path / "report.html")
    shown = (tmp_path / "report.html").read_text("utf-8").split('<article class="answer">')[1]
    shown = shown.split("</article>")[0]
    assert "Nothing can be recommended." in shown and "<dl>" not in shown and "<a" not in shown


def test_the_method_names_the_threads_of_the_table_and_what_intervals_leave_out(text):
    method = text.split('id="method"')[1]
    assert "(<code>avx2</code>) with 1 thread(s) in 20 interleaved rounds" in method
    assert "ran with <code>session.x64quantprecision=1</code>: slower." in method
    assert (
        "labels are as frequent as in this split). They are not corrected for the number" in method
    )


def test_figures_stand_where_they_belong(text, reader, tmp_path):
    published = text.split('id="studies"')[1].split('id="data"')[0]
    assert published.count("data-figure=") == 2 and 'data-figure="demo-en-techniques"' in published
    assert "Accuracy bars" in published and "Six measures per technique" in published
    assert "flowchart TB" in text.split('id="method"')[1]
    assert embedded(reader)["figures"] == example()["figures"]
    hosts = [attrs for _, attrs in reader.elements if "data-figure" in attrs]
    assert all(host["role"] == "img" and host["aria-label"] for host in hosts)
    parts = example()
    parts["figures"] = {"real-bn-baseline": SPEC, "real-bn-confusion": SPEC, "all": SPEC}
    write_page(**parts, out=tmp_path / "report.html")
    other = (tmp_path / "report.html").read_text("utf-8")
    assert other.count("data-figure=") == 2  # the page draws confusion itself
    assert "Models without passes" in other and "flowchart TB" in other


def test_a_template_that_asks_for_what_is_not_there_is_told_in_one_line(tmp_path):
    parts = example()
    del parts["context"]["command"]
    with pytest.raises(UserError, match=r"report.html.j2.*'command' is undefined"):
        write_page(**parts, out=tmp_path / "report.html")
    assert not list(tmp_path.iterdir())


def test_every_sort_of_pass_has_a_mark_and_can_be_seen_in_both_themes():
    for look in SORTS.values():
        assert look.marker in SHAPES
        shown = look_of(look)
        assert contrast(shown["dark"], SURFACES["dark"]) >= 3, look
    assert all(contrast(colour, SURFACES["dark"]) >= 3 for colour in IN_THE_DARK.values())
    assert json.dumps(specs(METRICS)) and json.dumps(config())


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def themes():
    """Return the variables of the stylesheet's three blocks of colours: light, and dark twice."""
    blocks = re.findall(r":root[^{]*\{([^}]*--page:[^}]*)\}", CSS)
    return [dict(re.findall(r"--([\w-]+): ([^;]+);", block)) for block in blocks[:3]]


def test_words_have_enough_contrast_in_both_themes():
    light, by_system, by_button = themes()
    assert by_system == by_button != light
    for theme in (light, by_system):
        grounds = ("page", "card", "soft")
        pairs = [(ink, ground) for ink in ("ink", "muted", "accent") for ground in grounds]
        pairs += [("accent", "wash"), ("on-accent", "accent"), ("good", "card"), ("good", "soft")]
        pairs += [("warn", "warn-wash"), ("warn", "page"), ("warn", "card"), ("ink", "warn-wash")]
        for ink, ground in pairs:
            assert contrast(theme[ink], theme[ground]) >= 4.5, (ink, ground, theme)
        heat, deep = [int(n) for n in theme["heat"].split(",")], float(theme["deep"])
        card = [int(theme["card"][i : i + 2], 16) for i in (1, 3, 5)]
        hot = "#" + "".join(
            f"{round(deep * h + (1 - deep) * c):02x}" for h, c in zip(heat, card, strict=True)
        )
        assert contrast(theme["ink"], hot) >= 4.5  # the darkest cell of a confusion matrix


def test_the_plotting_library_must_be_able_to_stand_in_a_page(monkeypatch):
    import vl_convert

    page_module._library.cache_clear()
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda: "x = '</script>'")
    with pytest.raises(UserError, match="cannot be embedded in a page"):
        page_module._library()
    page_module._library.cache_clear()
