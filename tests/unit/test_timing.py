"""Timing: interleaved rounds, the same texts for all, percentiles and the spread by hand."""

import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas
import pytest

from emopress.artifact import read_json, write_json
from emopress.measure.candidates import Candidate, candidates_of
from emopress.measure.machine import cpu_facts, thread_counts, usable
from emopress.measure.process import Start
from emopress.measure.timing import Round, row, spread, spreads, time_bundles, time_once
from emopress.runtime.remembered import Remembered

SETTINGS = {"rounds": 4, "texts": 5, "warmup": 2, "batch_size": 8, "cold_starts": 0}
TWIN = Candidate("a", 0, "linear", Path("a"), twin=True)


class Fake:
    """Notes what it is asked; keeps no time."""

    def __init__(self, name, calls):
        self.name, self.calls = name, calls
        self.memory = None

    def predict_proba(self, texts, *, batch_size=1):
        self.calls.append((self.name, tuple(texts), batch_size))
        return np.zeros((len(texts), 2))


@pytest.fixture
def timed(tmp_path, monkeypatch):
    """Time three fakes and a twin; returns what was opened, what was asked, and the file."""
    opened, calls = [], []

    def open_fake(self, threads):
        name = self.variant.upper() if self.twin else self.variant
        opened.append((name, threads))
        return Fake(name, calls)

    monkeypatch.setattr(Candidate, "open", open_fake)
    texts = pandas.DataFrame({"text": [f"text {i}" for i in range(30)]})
    texts.to_parquet(tmp_path / "test.parquet")
    candidates = [*(Candidate(name, 0, "linear", Path(name)) for name in "abc"), TWIN]
    out = tmp_path / "timing.json"
    test = tmp_path / "test.parquet"
    time_bundles(candidates, test=test, settings=SETTINGS, threads=[1, 3], out=out)
    return opened, calls, read_json(out)


def test_rounds_are_interleaved(timed):
    opened, _, _ = timed
    rounds = [opened[start : start + 8] for start in range(0, len(opened), 8)]
    everything = sorted((name, threads) for name in "abcA" for threads in (1, 3))
    assert len(rounds) == 4 and all(sorted(one) == everything for one in rounds)
    assert len({tuple(one) for one in rounds}) == 4


def test_nobody_always_follows_the_same_other(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(
        Candidate, "open", lambda self, threads: opened.append(self.variant) or Fake("x", [])
    )
    monkeypatch.setattr("emopress.measure.timing.THROUGHPUT_SECONDS", 1e-9)
    pandas.DataFrame({"text": ["x"] * 3}).to_parquet(tmp_path / "t.parquet")
    candidates = [Candidate(name, 0, "linear", Path(name)) for name in "abc"]
    settings, test = {**SETTINGS, "rounds": 30}, tmp_path / "t.parquet"
    time_bundles(candidates, test=test, settings=settings, threads=[1], out=tmp_path / "o.json")
    rounds = [opened[start : start + 3] for start in range(0, 90, 3)]
    pairs = Counter(pair for one in rounds for pair in pairwise(one))
    assert len(pairs) == 6 and min(pairs.values()) >= 4  # 60 neighbours, 10 of each expected


def test_all_are_asked_the_same_texts(timed):
    _, calls, _ = timed
    single = {
        name: Counter(texts for n, texts, size in calls if n == name and size == 1)
        for name in "abcA"
    }
    assert single["a"] == single["b"] == single["c"] == single["A"]
    # five texts in each of four rounds with two numbers of threads; two of the warm-up once more
    assert sorted(single["a"].values()) == [8, 8, 8, 16, 16]


def test_throughput_is_measured_on_whole_batches(timed):
    _, calls, _ = timed
    batches = [texts for name, texts, size in calls if size == 8]
    assert {len(texts) for texts in batches} == {8}
    assert len(batches) >= 4 * 2 * 4 * 2  # one to warm up, the others on the clock


def test_file(timed):
    _, _, found = timed
    rows, environment = found["rows"], found["environment"]
    assert [(one["variant"], one["threads"]) for one in rows] == [
        (name, threads) for name in "abc" for threads in (1, 3)
    ]
    assert set(rows[0]) == {
        "variant", "seed", "runtime", "threads", "latency_ms_p50", "latency_ms_p95", "throughput",
    }  # fmt: skip
    assert set(found["spread"]) == {"1", "3"} and min(found["spread"].values()) >= 0
    assert found["processes"] == []
    assert (environment["threads"], environment["rounds"], environment["texts"]) == ([1, 3], 4, 5)
    assert environment["cold_starts"] == 0 and environment["openvino"] in (True, False)
    assert environment["cpu"] and "onnxruntime" in environment["versions"]
    assert "torch" not in environment["versions"]


def rounds_of(*latencies, throughput=100.0):
    return [Round(list(one), throughput) for one in latencies]


def test_percentiles_by_hand():
    # of 1..21 the median is 11; the 95th percentile lies at 0.95 * 20 = 19 steps: 20
    values = [float(v) for v in np.random.default_rng(0).permutation(21) + 1]
    rounds = [Round(values[:7], 100.0), Round(values[7:14], 300.0), Round(values[14:], 200.0)]
    assert row(Candidate("a", 3, "linear", Path("a")), 2, rounds) == {
        "variant": "a",
        "seed": 3,
        "runtime": "linear",
        "threads": 2,
        "latency_ms_p50": 11.0,
        "latency_ms_p95": 20.0,
        "throughput": 200.0,
    }


def test_spread_by_hand():
    first, second = rounds_of([9.0, 10.0, 90.0], [20.0]), rounds_of([11.0], [16.0, 30.0])
    assert spread(second, first) == spread(first, second)
    assert spread(first, first) == 0.0
    # two rounds: both alike, so every redraw has 2 against 3
    assert spread(rounds_of([2.0], [2.0]), rounds_of([3.0], [3.0])) == pytest.approx(0.5)
    # a round of each kind: 1.0 and 2.0 together; redrawn, half the time only one of them
    assert spread(rounds_of([4.0], [4.0]), rounds_of([4.0], [8.0])) == pytest.approx(1.0)
    assert spread(rounds_of([4.0]), rounds_of([6.0])) == pytest.approx(0.5)  # nothing to redraw


def test_one_slow_round_of_many_does_not_widen_the_spread_of_medians_much():
    calm = [[10.0 + 0.01 * i] * 9 for i in range(9)]
    slow = [*calm[:-1], [30.0] * 9]
    assert spread(rounds_of(*calm), rounds_of(*slow)) < 0.01


def test_spread_is_no_narrower_than_what_the_rows_differ_by():
    rng = np.random.default_rng(0)
    for _ in range(200):
        pair = [rounds_of(*rng.lognormal(0, 0.1, (5, 9))) for _ in range(2)]
        p50 = [row(TWIN, 1, rounds)["latency_ms_p50"] for rounds in pair]
        assert max(p50) / min(p50) - 1 <= spread(*pair) + 1e-4


def test_spreads_are_of_twins_by_threads_and_the_largest_counts():
    a, b = (Candidate(name, 0, "linear", Path(name)) for name in "ab")
    eager = Candidate("a", 0, "pytorch", Path("a"))  # the same folder, but no twin of it
    twin_b = Candidate("b", 0, "linear", Path("b"), twin=True)
    measured = {
        (a, 1): rounds_of([10.0]),
        (a, 2): rounds_of([5.0]),
        (eager, 1): rounds_of([99.0]),
        (eager, 2): rounds_of([99.0]),
        (TWIN, 1): rounds_of([11.0]),
        (TWIN, 2): rounds_of([8.0]),
    }
    assert spreads(measured, [1, 2]) == pytest.approx({"1": 0.1, "2": 0.6})
    measured |= {
        (b, 1): rounds_of([1.0]),
        (b, 2): rounds_of([1.0]),
        (twin_b, 1): rounds_of([1.2]),
        (twin_b, 2): rounds_of([1.2]),
    }
    assert spreads(measured, [1, 2]) == pytest.approx({"1": 0.2, "2": 0.6})
    assert spreads({(a, 1): rounds_of([10.0])}, [1]) == {}


def test_latency_is_that_of_single_texts(monkeypatch):
    """A fake clock that ticks 2 ms at every look: 2 ms a text, whatever a batch takes."""
    ticks = iter(range(10_000))
    monkeypatch.setattr("emopress.measure.timing.time.perf_counter", lambda: next(ticks) * 2e-3)
    monkeypatch.setattr(Candidate, "open", lambda self, threads: Fake("a", []))
    found = time_once(Candidate("a", 0, "linear", Path("a")), ["x"] * 5, SETTINGS, threads=1)
    assert found.latencies_ms == pytest.approx([2.0] * 5)
    assert found.throughput == pytest.approx(8 / 2e-3)  # a batch of 8 a tick


def test_no_word_is_remembered_from_the_warm_up(monkeypatch):
    """The texts that warm a classifier up are timed: their words are new to it then, as a user's are."""
    asked, fake = [], Fake("a", [])
    fake.memory = Remembered(asked.append)
    fake.predict_proba = lambda texts, batch_size=1: [fake.memory[text] for text in texts]
    monkeypatch.setattr(Candidate, "open", lambda self, threads: fake)
    settings = {"warmup": 2, "batch_size": 2}
    time_once(Candidate("a", 0, "linear", Path("a")), ["x", "y"], settings, threads=1)
    assert asked == ["x", "y", "x", "y"]


@pytest.mark.parametrize(
    ("wanted", "cores", "expected"),
    [
        ([1, "all"], 4, [1, 4]),
        ([1, "all"], 1, [1]),
        (["all", 1], 4, [4, 1]),
        (["all", 2, 1], 2, [2, 1]),
        ([2], 8, [2]),
        ([4, 2, "all", 1], 4, [4, 2, 1]),
    ],
)
def test_thread_counts(wanted, cores, expected):
    assert thread_counts(wanted, cores) == expected


def test_no_more_cores_than_there_are(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1, 2}, raising=False)
    assert (usable(1), usable(3), usable(64), usable(0)) == (1, 3, 3, 1)


def test_cpu_facts():
    name, flags = cpu_facts()
    assert name and isinstance(flags, list)


HASH = "0" * 32


@pytest.fixture
def manifest(tmp_path):
    """Return a function that writes a manifest and returns its path."""

    def write(name, **facts):
        path = tmp_path / name / "bundle.json"
        known = {"runtime": "onnxruntime", "weight_bits": 32, "files": {"model.onnx": HASH}}
        known |= {"labels": ["joy", "fear"], "normalise": "none", "max_length": 8, "pad_id": 0}
        known |= {"analyzer": "word", "ngrams": [1, 1], "inference_precision": "f32"}
        write_json(path, known | facts)
        return path

    return write


def test_what_the_rule_names_becomes_candidates(manifest, tmp_path, monkeypatch):
    monkeypatch.setattr("emopress.measure.candidates.installed", lambda: True)
    plain, linear = manifest("plain"), manifest("linear", runtime="linear")
    wanted = [
        ["plain", 0, "bundle"],
        ["linear", 0, "bundle"],
        ["plain", 0, "pytorch"],
        ["plain", 0, "openvino-reference"],
        ["plain", 0, "twin"],
    ]
    checkpoint = tmp_path / "checkpoint" / "checkpoint.json"  # is not read
    assert candidates_of(wanted, [plain, linear, checkpoint, plain, plain]) == [
        Candidate("plain", 0, "onnxruntime", plain.parent),
        Candidate("linear", 0, "linear", linear.parent),
        Candidate("plain", 0, "pytorch", checkpoint.parent),
        Candidate("plain", 0, "openvino-reference", plain.parent),
        Candidate("plain", 0, "onnxruntime", plain.parent, twin=True),
    ]


@pytest.mark.parametrize(
    "facts",
    [
        {"weight_bits": 8},
        {"runtime": "linear"},
        {"files": {"model.onnx": HASH, "packed.npz": HASH}},
        {"files": {"model.onnx": HASH, "codes.npz": HASH}},
        {"runtime": "openvino"},
    ],
)
def test_openvino_is_given_whole_fp32_graphs_only(manifest, monkeypatch, facts):
    monkeypatch.setattr("emopress.measure.candidates.installed", lambda: True)
    assert candidates_of([["v", 0, "openvino-reference"]], [manifest("v", **facts)]) == []


def test_without_openvino_its_rows_are_left_out(manifest, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "openvino", None)
    wanted = [["v", 0, "bundle"], ["v", 0, "openvino-reference"]]
    path = manifest("v")
    (found,) = candidates_of(wanted, [path, path])
    assert found.runtime == "onnxruntime"
    monkeypatch.setattr(Candidate, "open", lambda self, threads: Fake("x", []))
    pandas.DataFrame({"text": ["x"] * 3}).to_parquet(tmp_path / "t.parquet")
    out = tmp_path / "o.json"
    time_bundles([found], test=tmp_path / "t.parquet", settings=SETTINGS, threads=[1], out=out)
    assert read_json(out)["environment"]["openvino"] is False


def test_processes_are_of_bundles_and_pytorch_with_the_first_number_of_threads(
    tmp_path, monkeypatch
):
    asked = []

    def starts(pairs, *, text, threads, times):
        asked.append((list(pairs), text, threads, times))
        return [Start(100.0 * place + 0.123, 1000 + place) for place in range(len(pairs))]

    monkeypatch.setattr("emopress.measure.timing.start_processes", starts)
    monkeypatch.setattr("emopress.measure.timing.THROUGHPUT_SECONDS", 1e-9)
    monkeypatch.setattr(Candidate, "open", lambda self, threads: Fake("x", []))
    texts = ["a", "aaaaa", "aaa"]
    pandas.DataFrame({"text": texts}).to_parquet(tmp_path / "t.parquet")
    candidates = [
        Candidate("a", 0, "linear", Path("a")),
        Candidate("a", 0, "openvino-reference", Path("a")),
        Candidate("a", 0, "pytorch", Path("b")),
        TWIN,
    ]
    time_bundles(
        candidates,
        test=tmp_path / "t.parquet",
        settings={**SETTINGS, "cold_starts": 3},
        threads=[2, 1],
        out=tmp_path / "o.json",
    )
    assert asked == [([(Path("a"), "linear"), (Path("b"), "pytorch")], "aaa", 2, 3)]
    found = read_json(tmp_path / "o.json")
    names = ("variant", "seed", "runtime", "peak_memory_bytes", "cold_start_ms")
    assert found["processes"] == [
        dict(zip(names, ("a", 0, "linear", 1000, 0.12), strict=True)),
        dict(zip(names, ("a", 0, "pytorch", 1001, 100.12), strict=True)),
    ]
    assert {"torch", "openvino"} <= set(found["environment"]["versions"])


def test_real_bundles(artifacts, demo, tmp_path):
    """One bundle of each kind, its twin and its PyTorch reference, with one thread and two."""
    bundles, checkpoints = artifacts.bundles, artifacts.checkpoints
    candidates = candidates_of(
        [
            ["bert", 0, "bundle"],
            ["linear", 0, "bundle"],
            ["bert", 0, "pytorch"],
            ["bert", 0, "twin"],
        ],
        [
            bundles["bert"] / "bundle.json",
            bundles["linear"] / "bundle.json",
            checkpoints["bert"] / "checkpoint.json",
            bundles["bert"] / "bundle.json",
        ],
    )
    out = tmp_path / "o.json"
    settings = {**SETTINGS, "rounds": 2, "cold_starts": 1}
    time_bundles(candidates, test=demo["en"].test, settings=settings, threads=[1, 2], out=out)
    found = read_json(out)
    assert [(one["variant"], one["runtime"], one["threads"]) for one in found["rows"]] == [
        ("bert", "onnxruntime", 1),
        ("bert", "onnxruntime", 2),
        ("linear", "linear", 1),
        ("linear", "linear", 2),
        ("bert", "pytorch", 1),
        ("bert", "pytorch", 2),
    ]
    assert all(0 < one["latency_ms_p50"] <= one["latency_ms_p95"] for one in found["rows"])
    assert [one["runtime"] for one in found["processes"]] == ["onnxruntime", "linear", "pytorch"]
    memory = {one["runtime"]: one["peak_memory_bytes"] for one in found["processes"]}
    assert 10e6 < memory["linear"] < memory["onnxruntime"] < memory["pytorch"]
