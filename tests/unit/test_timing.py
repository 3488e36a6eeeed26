"""Timing: interleaved rounds, the same texts for all, percentiles by hand."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas
import pytest

from emopress.artifact import read_json
from emopress.measure.timing import Candidate, cpu_facts, time_bundles

SETTINGS = {"threads": 3, "rounds": 4, "texts": 5, "warmup": 2, "batch_size": 8}


class Fake:
    """Notes what it is asked; keeps no time."""

    def __init__(self, name, calls):
        self.name, self.calls = name, calls

    def predict_proba(self, texts, *, batch_size=1):
        self.calls.append((self.name, tuple(texts), batch_size))
        return np.zeros((len(texts), 2))


@pytest.fixture
def timed(tmp_path, monkeypatch):
    """Time three fakes; returns what was opened, what was asked, and the file."""
    opened, calls = [], []

    def open_fake(self, threads):
        opened.append((self.variant, threads))
        return Fake(self.variant, calls)

    monkeypatch.setattr(Candidate, "open", open_fake)
    texts = pandas.DataFrame({"text": [f"text {i}" for i in range(30)]})
    texts.to_parquet(tmp_path / "test.parquet")
    candidates = [Candidate(name, 0, "linear", Path(name)) for name in "abc"]
    out = tmp_path / "timing.json"
    time_bundles(candidates, test=tmp_path / "test.parquet", settings=SETTINGS, out=out)
    return opened, calls, read_json(out)


def test_rounds_are_interleaved(timed):
    opened, _, _ = timed
    names = "".join(name for name, _ in opened)
    rounds = [names[start : start + 3] for start in range(0, len(names), 3)]
    assert len(rounds) == 4 and all(sorted(one) == ["a", "b", "c"] for one in rounds)
    assert {threads for _, threads in opened} == {3}


def test_nobody_always_follows_the_same_other(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(
        Candidate, "open", lambda self, threads: opened.append(self.variant) or Fake("x", [])
    )
    monkeypatch.setattr("emopress.measure.timing.THROUGHPUT_SECONDS", 1e-9)
    pandas.DataFrame({"text": ["x"] * 3}).to_parquet(tmp_path / "t.parquet")
    candidates = [Candidate(name, 0, "linear", Path(name)) for name in "abc"]
    settings = {**SETTINGS, "rounds": 30}
    time_bundles(
        candidates, test=tmp_path / "t.parquet", settings=settings, out=tmp_path / "o.json"
    )
    rounds = [opened[start : start + 3] for start in range(0, 90, 3)]
    pairs = Counter(pair for one in rounds for pair in pairwise(one))
    assert len(pairs) == 6 and min(pairs.values()) >= 4  # 60 neighbours, 10 of each expected


def test_all_are_asked_the_same_texts(timed):
    _, calls, _ = timed
    single = {
        name: Counter(texts for n, texts, size in calls if n == name and size == 1)
        for name in "abc"
    }
    assert single["a"] == single["b"] == single["c"]
    # five texts in each of four rounds, and the two of the warm-up once more
    assert sorted(single["a"].values()) == [4, 4, 4, 8, 8]


def test_throughput_is_measured_on_whole_batches(timed):
    _, calls, _ = timed
    batches = [texts for name, texts, size in calls if size == 8]
    assert {len(texts) for texts in batches} == {8}
    assert len(batches) >= 3 * 4 * 2  # one to warm up, the others on the clock


def test_file(timed):
    _, _, found = timed
    rows, environment = found["rows"], found["environment"]
    assert [row["variant"] for row in rows] == ["a", "b", "c"]
    assert set(rows[0]) == {
        "variant", "seed", "runtime", "latency_ms_p50", "latency_ms_p95", "throughput",
    }  # fmt: skip
    assert (environment["threads"], environment["rounds"], environment["texts"]) == (3, 4, 5)
    assert environment["cpu"] and "onnxruntime" in environment["versions"]
    assert "torch" not in environment["versions"]


def test_percentiles_by_hand():
    # of 1..21 the median is 11; the 95th percentile lies at 0.95 * 20 = 19 steps: 20
    candidate = Candidate("a", 3, "linear", Path("a"))
    candidate.latencies_ms = [float(v) for v in np.random.default_rng(0).permutation(21) + 1]
    candidate.throughputs = [100.0, 300.0, 200.0]
    assert candidate.row() == {
        "variant": "a",
        "seed": 3,
        "runtime": "linear",
        "latency_ms_p50": 11.0,
        "latency_ms_p95": 20.0,
        "throughput": 200.0,
    }


def test_latency_is_that_of_single_texts(monkeypatch, tmp_path):
    """A fake clock that ticks 2 ms at every look: 2 ms a text, whatever a batch takes."""
    ticks = iter(range(10_000))
    monkeypatch.setattr("emopress.measure.timing.time.perf_counter", lambda: next(ticks) * 2e-3)
    monkeypatch.setattr(Candidate, "open", lambda self, threads: Fake("a", []))
    pandas.DataFrame({"text": ["x"] * 9}).to_parquet(tmp_path / "t.parquet")
    candidate = Candidate("a", 0, "linear", Path("a"))
    time_bundles(
        [candidate], test=tmp_path / "t.parquet", settings=SETTINGS, out=tmp_path / "o.json"
    )
    assert candidate.latencies_ms == pytest.approx([2.0] * 20)
    assert candidate.throughputs == pytest.approx([8 / 2e-3] * 4)


def test_cpu_facts():
    name, flags = cpu_facts()
    assert name and isinstance(flags, list)
