"""The demo corpora are what their generator makes, with the imbalance and flaws their README states."""

import csv
import importlib.util
import random
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest

DEMO = Path(__file__).resolve().parents[2] / "data" / "demo"
SHARES = {
    "demo-bn": {
        "anger": 2422 / 13072,
        "disgust": 2049 / 13072,
        "fear": 1348 / 13072,
        "joy": 3290 / 13072,
        "sadness": 2622 / 13072,
        "surprise": 1341 / 13072,
    },
    "demo-en": {
        "sadness": 0.29,
        "joy": 0.335,
        "love": 0.08,
        "anger": 0.135,
        "fear": 0.12,
        "surprise": 0.04,
    },
}
both = pytest.mark.parametrize("name", list(SHARES))


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    sys.path.insert(0, str(DEMO))  # as for a script: the phrase files stand beside it
    spec = importlib.util.spec_from_file_location("demo_generate", DEMO / "generate.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows_of(name: str) -> list[tuple[str, str]]:
    with (DEMO / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        assert reader.fieldnames == ["text", "label"]
        return [(row["text"], row["label"]) for row in reader]


def test_committed_files_are_what_the_generator_makes() -> None:
    command = [sys.executable, str(DEMO / "generate.py"), "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_check_names_the_file_that_differs(
    generate: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(generate, "HERE", tmp_path)
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    with (tmp_path / "demo-en.csv").open("a", encoding="utf-8") as file:
        file.write("one more,joy\n")
    assert generate.main(["--check"]) == 1
    said = capsys.readouterr().out
    assert "demo-en.csv" in said and "demo-bn.csv" not in said


@both
def test_number_labels_and_imbalance(name: str) -> None:
    rows = rows_of(name)
    assert len(rows) == 1200
    assert all(text.strip() for text, _ in rows)
    counts = Counter(label for _, label in rows)
    assert set(counts) == set(SHARES[name])
    for label, share in SHARES[name].items():
        assert abs(counts[label] - 1200 * share) <= 1, label


@both
def test_planted_repeats_and_contradictions(name: str, generate: ModuleType) -> None:
    rows = rows_of(name)
    same_text: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for text, label in rows:
        same_text[generate.plain(text)].append((text, label))
    groups = [group for group in same_text.values() if len(group) > 1]
    assert all(len(group) == 2 for group in groups)
    exact = [g for g in groups if g[0] == g[1]]
    contradicting = [g for g in groups if g[0][1] != g[1][1]]
    near = [g for g in groups if g[0][0] != g[1][0] and g[0][1] == g[1][1]]
    assert len(exact) == generate.EXACT_DUPLICATES
    assert len(near) == generate.NEAR_DUPLICATES
    assert len(contradicting) == generate.CONTRADICTIONS
    assert all(g[0][0] == g[1][0] for g in contradicting)


def test_language_of_each_corpus() -> None:
    def bengali_share(name: str) -> float:
        letters = [c for text, _ in rows_of(name) for c in text if c.isalpha()]
        return sum("\u0980" <= c <= "\u09ff" for c in letters) / len(letters)

    assert bengali_share("demo-bn") == 1
    assert bengali_share("demo-en") == 0


def test_clusters_hold_signs_and_conjuncts_together(generate: ModuleType) -> None:
    assert generate.clusters("রাষ্ট্র") == ["রা", "ষ্ট্র"]
    assert generate.clusters("বাংলা") == ["বাং", "লা"]
    assert generate.clusters("sad") == ["s", "a", "d"]


def test_bengali_typos_never_leave_a_sign_without_its_letter() -> None:
    signs = set("ািীুূৃেৈোৌ়্ঁংঃ")
    for text, _ in rows_of("demo-bn"):
        for word in text.split():
            assert word[0] not in signs, text
        for before, sign in pairwise(text):
            if sign in "ািীুূৃেৈোৌ":
                assert before.isalpha() or before == "়", text


def test_label_noise_keeps_counts_and_touches_the_stated_share(generate: ModuleType) -> None:
    near = generate.CORPORA["demo-en.csv"].NEAR
    labels = list(near)
    before = [(f"text {i}", labels[i % len(labels)]) for i in range(600)]
    after = list(before)
    generate.exchange_labels(after, near, random.Random(1))
    assert Counter(label for _, label in after) == Counter(label for _, label in before)
    changed = sum(a != b for a, b in zip(after, before, strict=True))
    assert changed == 2 * round(generate.LABEL_NOISE * 600 / 2)
