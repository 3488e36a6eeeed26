"""Times all bundles of a data set side by side: interleaved rounds in one process, one bundle loaded at a time."""

import platform
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas
from tqdm import tqdm

from emopress.artifact import write_json
from emopress.checkpoint import library_versions
from emopress.runtime.bundle import load
from emopress.runtime.classifier import Classifier

THROUGHPUT_SECONDS = 0.1  # at least, per round
TEXT_SEED = 0  # the same test texts for every bundle, round and run


@dataclass
class Candidate:
    """Something to time: a bundle, or (runtime `pytorch`) a teacher's checkpoint."""

    variant: str
    seed: int
    runtime: str
    folder: Path
    latencies_ms: list[float] = field(default_factory=list)
    throughputs: list[float] = field(default_factory=list)

    def open(self, threads: int) -> Classifier:
        """Load it afresh from disk, without the seconds that hashing a large file takes."""
        if self.runtime == "pytorch":
            from emopress.runtime.pytorch import PytorchClassifier

            return PytorchClassifier(self.folder, threads=threads)
        return load(self.folder, threads=threads, verify=False)

    def row(self) -> dict[str, Any]:
        """Return the medians and the 95th percentile over all rounds."""
        p50, p95 = np.percentile(self.latencies_ms, [50, 95])
        return {
            "variant": self.variant,
            "seed": self.seed,
            "runtime": self.runtime,
            "latency_ms_p50": round(float(p50), 4),
            "latency_ms_p95": round(float(p95), 4),
            "throughput": round(float(np.median(self.throughputs)), 2),
        }


def cpu_facts() -> tuple[str, list[str]]:
    """Return the processor's name and those of its flags that matter to int8 and bf16 arithmetic."""
    name, flags = platform.processor() or platform.machine(), set()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                name = value.strip()
            elif key.strip() == "flags":
                flags = set(value.split())
    telling = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "avx512_bf16", "amx_int8", "amx_bf16")
    return name, [flag for flag in telling if flag in flags]


def time_once(candidate: Candidate, texts: list[str], settings: dict[str, Any]) -> None:
    """Load a candidate, warm it up, and add one round's measurements to it.

    Latency is one text through normalisation, tokenizer, model and softmax; throughput is the same
    texts in batches.
    """
    classifier = candidate.open(settings["threads"])
    for text in texts[: settings["warmup"]]:
        classifier.predict_proba([text])
    for text in texts:
        start = time.perf_counter()
        classifier.predict_proba([text])
        candidate.latencies_ms.append((time.perf_counter() - start) * 1e3)
    size = settings["batch_size"]
    batch = (texts * (size // len(texts) + 1))[:size]
    classifier.predict_proba(batch, batch_size=size)
    start, batches, elapsed = time.perf_counter(), 0, 0.0
    while elapsed < THROUGHPUT_SECONDS:
        classifier.predict_proba(batch, batch_size=size)
        batches += 1
        elapsed = time.perf_counter() - start
    candidate.throughputs.append(batches * size / elapsed)


def time_bundles(
    candidates: list[Candidate], *, test: Path, settings: dict[str, Any], out: Path
) -> None:
    """Time every candidate in every round and write `out`.

    Each round has its own seeded order, so that no candidate always follows the same other one.
    """
    all_texts = pandas.read_parquet(test, columns=["text"])["text"].tolist()
    rng = np.random.default_rng(TEXT_SEED)
    chosen = rng.choice(len(all_texts), size=min(settings["texts"], len(all_texts)), replace=False)
    texts = [all_texts[i] for i in chosen]
    with tqdm(
        total=settings["rounds"] * len(candidates), desc="timing", file=sys.stderr, mininterval=2.0
    ) as bar:
        for turn in range(settings["rounds"]):
            for index in np.random.default_rng([TEXT_SEED, turn]).permutation(len(candidates)):
                candidate = candidates[index]
                time_once(candidate, texts, settings)
                bar.update()
    cpu, flags = cpu_facts()
    packages = ["onnxruntime", "tokenizers", "numpy"]
    if any(candidate.runtime == "openvino" for candidate in candidates):
        packages.append("openvino")
    if any(candidate.runtime == "pytorch" for candidate in candidates):
        packages += ["torch", "transformers"]
    environment = {
        "cpu": cpu,
        "cpu_flags": flags,
        "threads": settings["threads"],
        "rounds": settings["rounds"],
        "texts": len(texts),
        "batch_size": settings["batch_size"],
        "versions": library_versions(*packages),
    }
    write_json(out, {"environment": environment, "rows": [c.row() for c in candidates]})
