"""The rows by seed: scores, and ratios to the right reference."""

import numpy as np
import pandas
import pytest

from emopress.artifact import read_json, short_hash, write_json
from emopress.errors import UserError
from emopress.measure.aggregate import Clock, Entry, aggregate

LABELS = ["joy", "fear"]
# variant: reference, runtime, bytes, p50, texts of 8 that are right
VARIANTS = {
    "big": ("big", "onnxruntime", 8000, 4.0, 8),
    "big+int8": ("big", "onnxruntime", 2000, 1.0, 6),
    "svm": ("big", "linear", 500, 0.1, 4),
    "alone": ("alone", "linear", 700, 0.2, 4),
}


def bundle(folder, runtime, size):
    """Write a bundle of `size` bytes, its manifest among them."""
    folder.mkdir(parents=True)
    (folder / "tokenizer.json").write_bytes(b"y" * 10)
    (folder / "model").write_bytes(b"")
    made = {
        "params": 1000,
        "nonzero_params": 900,
        "family": "linear" if runtime == "linear" else "transformer",
        "simulated": False,
        "recipe": [{"name": "big"}],
        "findings": {"int8": {"int8_weight_share": 0.5}},
    }
    write_json(folder / "provenance.json", made)
    facts = {
        "runtime": runtime,
        "labels": LABELS,
        "normalise": "none",
        "max_length": 8,
        "pad_id": 0,
        "analyzer": "word",
        "ngrams": [1, 1],
        "files": {name: "0" * 32 for name in ("model", "tokenizer.json")},
        "provenance": short_hash(folder / "provenance.json"),
    }
    write_json(folder / "bundle.json", facts, compact=True)
    rest = sum(folder.joinpath(name).stat().st_size for name in ("tokenizer.json", "bundle.json"))
    (folder / "model").write_bytes(b"x" * (size - rest))


def predictions(path, right):
    truth = np.array([0, 1] * 4)
    shown = np.where(np.arange(8) < right, truth, 1 - truth)
    frame = pandas.DataFrame({"id": [f"t{i}" for i in range(8)], "split": "test"})
    frame = frame.assign(noise=0.0, label=truth)
    frame = frame.assign(joy=(shown == 0) * 0.8 + 0.1, fear=(shown == 1) * 0.8 + 0.1)
    both = pandas.concat([frame.assign(split="validation"), frame], ignore_index=True)
    both.to_parquet(path)


@pytest.fixture
def written(tmp_path):
    """Aggregate two seeds of four variants; of the first seed `big` is timed in PyTorch too."""
    entries, rows = [], []
    for seed in (0, 1):
        for variant, (reference, runtime, size, p50, right) in VARIANTS.items():
            folder = tmp_path / variant / str(seed)
            bundle(folder / "bundle", runtime, size + 100 * seed)
            predictions(folder / "p.parquet", right)
            entries.append(
                Entry("toy", variant, seed, reference, folder / "bundle", folder / "p.parquet")
            )
            times = {"latency_ms_p50": p50, "latency_ms_p95": 2 * p50, "throughput": 1 / p50}
            rows.append(
                {"variant": variant, "seed": seed, "runtime": runtime, "threads": 1, **times}
            )
    rows.append({**rows[0], "runtime": "pytorch", "latency_ms_p50": 12.0})
    timing = {"environment": {"threads": [1]}, "spread": {"1": 0.1}, "rows": rows, "processes": []}
    write_json(tmp_path / "toy.json", timing)
    aggregate(
        entries,
        {"toy": Clock(tmp_path / "toy.json")},
        {"toy": LABELS},
        seeds=tmp_path / "seeds.csv",
        details=tmp_path / "details.json",
    )
    table = pandas.read_csv(tmp_path / "seeds.csv")
    return table, read_json(tmp_path / "details.json")


def row(table, variant, seed=0):
    found = table[(table["variant"] == variant) & (table["seed"] == seed)]
    assert len(found) == 1
    return found.iloc[0]


def test_columns(written):
    table, _ = written
    assert len(table) == 8 and list(table.columns[:3]) == ["dataset", "variant", "seed"]
    assert set(table["threads"]) == {1} and table["all_threads"].isna().all()


def test_accuracy(written):
    table, _ = written
    assert row(table, "big")["accuracy"] == 1.0
    found = row(table, "big+int8")
    assert found["accuracy"] == found["micro_f1"] == found["macro_f1"] == 0.75
    assert found["validation_accuracy"] == 0.75


def test_compression_and_bits(written):
    table, _ = written
    assert row(table, "big")["compression"] == 1.0
    assert row(table, "big+int8")["compression"] == 4.0
    assert row(table, "svm")["compression"] == 16.0
    assert row(table, "alone")["compression"] == 1.0
    assert row(table, "big+int8", 1)["compression"] == pytest.approx(8100 / 2100, rel=1e-5)
    assert row(table, "big+int8")["bits_per_weight"] == 16.0
    assert row(table, "big+int8")["size_bytes"] == 2000


def test_speedup_is_over_the_bundled_reference(written):
    table, _ = written
    assert row(table, "big")["speedup"] == 1.0
    assert row(table, "big+int8")["speedup"] == 4.0
    assert row(table, "svm")["speedup"] == pytest.approx(40.0)
    assert row(table, "alone")["speedup"] == 1.0


def test_speedup_over_pytorch_only_where_it_was_timed(written):
    table, _ = written
    assert row(table, "big")["speedup_over_pytorch"] == 3.0
    assert row(table, "big+int8")["speedup_over_pytorch"] == 12.0
    assert np.isnan(row(table, "big+int8", 1)["speedup_over_pytorch"])
    assert np.isnan(row(table, "alone")["speedup_over_pytorch"])


def test_details(written):
    _, details = written
    found = details["toy"]["big+int8"]["1"]
    assert found["confusion"] == [[3, 1], [1, 3]]
    assert found["n_test"] == 8
    assert found["per_class"]["joy"]["f1"] == pytest.approx(0.75)
    assert found["recipe"] == [{"name": "big"}]
    assert found["findings"] == {"int8": {"int8_weight_share": 0.5}}


def test_nothing_to_aggregate(tmp_path):
    with pytest.raises(UserError, match="no variants"):
        aggregate([], {}, {}, seeds=tmp_path / "s.csv", details=tmp_path / "d.json")
