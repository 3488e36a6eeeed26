"""Times all bundles of a data set side by side: interleaved rounds in one process, one bundle loaded at a time."""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas
from tqdm import tqdm

from emopress.artifact import write_json
from emopress.checkpoint import library_versions
from emopress.measure.candidates import Candidate
from emopress.measure.machine import cpu_facts
from emopress.measure.process import start_processes
from emopress.runtime.openvino import installed
from emopress.runtime.processor import x64quantprecision

THROUGHPUT_SECONDS = 0.05  # at least, per round
REDRAWS = 1000
TEXT_SEED = 0  # the same test texts for every bundle, round and run
REFERENCE_PACKAGES = {  # what a runtime needs beyond ONNX Runtime's and numpy
    "openvino": ("openvino",),
    "openvino-reference": ("openvino",),
    "pytorch": ("torch", "transformers"),
    "transformers": ("torch", "transformers", "accelerate", "bitsandbytes", "peft"),
}


@dataclass(frozen=True)
class Round:
    """One round of one candidate: ms of each text at batch 1, texts per second in batches."""

    latencies_ms: list[float]
    throughput: float


Measured = dict[tuple[Candidate, int], list[Round]]  # (candidate, threads) -> its rounds


def time_once(
    candidate: Candidate, texts: list[str], settings: dict[str, Any], *, threads: int
) -> Round:
    """Load a candidate for `threads` threads, warm it up, and return one round's measurements.

    Latency is one text through normalisation, tokenizer, model and softmax; throughput is the same
    texts in batches. The threads are the engine's; normalising and tokenizing keep to one. Texts of the
    warm-up are timed too, so what a classifier remembers of their words is forgotten in between.
    """
    classifier = candidate.open(threads)
    for text in texts[: settings["warmup"]]:
        classifier.predict_proba([text])
    if classifier.memory is not None:
        classifier.memory.forget()
    latencies = []
    for text in texts:
        start = time.perf_counter()
        classifier.predict_proba([text])
        latencies.append((time.perf_counter() - start) * 1e3)
    size = settings["batch_size"]
    batch = (texts * (size // len(texts) + 1))[:size]
    classifier.predict_proba(batch, batch_size=size)
    start, batches, elapsed = time.perf_counter(), 0, 0.0
    while elapsed < THROUGHPUT_SECONDS:
        classifier.predict_proba(batch, batch_size=size)
        batches += 1
        elapsed = time.perf_counter() - start
    return Round(latencies, batches * size / elapsed)


def row(candidate: Candidate, threads: int, rounds: Sequence[Round]) -> dict[str, Any]:
    """Return the medians and the 95th percentile over all rounds."""
    p50, p95 = np.percentile(_all_latencies(rounds), [50, 95])
    return {
        "variant": candidate.variant,
        "seed": candidate.seed,
        "runtime": candidate.runtime,
        "threads": threads,
        "latency_ms_p50": round(float(p50), 4),
        "latency_ms_p95": round(float(p95), 4),
        "throughput": round(float(np.median([one.throughput for one in rounds])), 2),
    }


def _all_latencies(rounds: Sequence[Round]) -> list[float]:
    return [ms for one in rounds for ms in one.latencies_ms]


def spread(first: Sequence[Round], second: Sequence[Round]) -> float:
    """Return the share by which the latencies of one bundle, timed as `first` and as `second`, differ.

    What a row reports is the median over all rounds, so this is larger median / smaller median - 1, of
    the ms of one text. By chance two medians may fall together, so the rounds are redrawn with
    replacement, for both alike, and the 95th percentile over the redraws counts where it is larger. A
    ratio of two rows' latencies is claimed only if it, or one over it, is above 1 + spread.
    """
    pairs = [(a.latencies_ms, b.latencies_ms) for a, b in zip(first, second, strict=True)]
    rng = np.random.default_rng(TEXT_SEED)
    redrawn = [
        _apart([pairs[i] for i in rng.integers(len(pairs), size=len(pairs))])
        for _ in range(REDRAWS if len(pairs) > 1 else 0)
    ]
    return max(_apart(pairs), *np.percentile(redrawn or [0.0], [95]))


def _apart(pairs: Sequence[tuple[Sequence[float], Sequence[float]]]) -> float:
    """Return larger median / smaller median - 1 over the rounds of a pair of entries."""
    # Of some hundred numbers statistics.median is many times as fast as numpy's, and the same.
    smaller, larger = sorted(median(chain.from_iterable(side)) for side in zip(*pairs, strict=True))
    return larger / smaller - 1


def spreads(measured: Measured, counts: Sequence[int]) -> dict[str, float]:
    """Return the spread by number of threads, the largest of all twins; empty without a twin."""
    pairs = [
        (one, candidate)
        for candidate, _ in measured
        if candidate.twin
        for one, _ in measured
        if not one.twin and (one.folder, one.runtime) == (candidate.folder, candidate.runtime)
    ]
    return {
        str(threads): round(
            max(spread(measured[a, threads], measured[b, threads]) for a, b in pairs), 6
        )
        for threads in counts
        if pairs
    }


def chosen_texts(test: Path, texts: int) -> list[str]:
    """Return `texts` of the test texts (all, if there are fewer), drawn with a fixed seed."""
    everything = pandas.read_parquet(test, columns=["text"])["text"].tolist()
    rng = np.random.default_rng(TEXT_SEED)
    size = min(texts, len(everything))
    return [everything[i] for i in rng.choice(len(everything), size=size, replace=False)]


def time_rounds(
    candidates: Sequence[Candidate],
    texts: list[str],
    settings: dict[str, Any],
    counts: Sequence[int],
) -> Measured:
    """Time every candidate with every number of threads in every round.

    Each round has its own seeded order, so that no candidate always follows the same other one.
    """
    entries = [(candidate, threads) for candidate in candidates for threads in counts]
    measured: Measured = {entry: [] for entry in entries}
    total = settings["rounds"] * len(entries)
    with tqdm(total=total, desc="timing", file=sys.stderr, mininterval=2.0) as bar:
        for turn in range(settings["rounds"]):
            for index in np.random.default_rng([TEXT_SEED, turn]).permutation(len(entries)):
                candidate, threads = entries[index]
                timed = time_once(candidate, texts, settings, threads=threads)
                measured[candidate, threads].append(timed)
                bar.update()
    return measured


def process_rows(
    candidates: Sequence[Candidate], text: str, *, threads: int, times: int
) -> list[dict[str, Any]]:
    """Return peak memory and cold-start time of bundles and PyTorch references; none for 0 times."""
    started = [c for c in candidates if not c.twin and c.runtime != "openvino-reference"]
    pairs = [(candidate.folder, candidate.runtime) for candidate in started]
    starts = start_processes(pairs, text=text, threads=threads, times=times) if times else []
    return [
        {
            "variant": candidate.variant,
            "seed": candidate.seed,
            "runtime": candidate.runtime,
            "peak_memory_bytes": start.peak_memory_bytes,
            "cold_start_ms": round(start.cold_start_ms, 2),
        }
        for candidate, start in zip(started if times else [], starts, strict=True)
    ]


def time_bundles(
    candidates: Sequence[Candidate],
    *,
    test: Path,
    settings: dict[str, Any],
    threads: Sequence[int],
    out: Path,
) -> None:
    """Time every candidate with each number of `threads`, then fresh processes with the first; write `out`.

    Rows are the candidates in order, each with every number of threads. `settings`: rounds, texts,
    warmup, batch_size, and cold_starts (0: no processes). Their text is one of median length.
    """
    texts = chosen_texts(test, settings["texts"])
    measured = time_rounds(candidates, texts, settings, threads)
    middle = sorted(texts, key=len)[len(texts) // 2]
    processes = process_rows(candidates, middle, threads=threads[0], times=settings["cold_starts"])
    cpu, flags = cpu_facts()
    packages = ["onnxruntime", "tokenizers", "numpy"]
    for runtime in sorted({candidate.runtime for candidate in candidates}):
        packages += REFERENCE_PACKAGES.get(runtime, ())
    environment = {
        "cpu": cpu,
        "cpu_flags": flags,
        "x64quantprecision": x64quantprecision(),
        "threads": list(threads),
        "rounds": settings["rounds"],
        "texts": len(texts),
        "batch_size": settings["batch_size"],
        "cold_starts": settings["cold_starts"],
        "openvino": installed(),
        "versions": library_versions(*packages),
    }
    content = {
        "environment": environment,
        "spread": spreads(measured, threads),
        "rows": [row(*entry, rounds) for entry, rounds in measured.items() if not entry[0].twin],
        "processes": processes,
    }
    write_json(out, content)
