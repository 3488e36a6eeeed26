"""Prints how fast, how small and how good the smallest models are beside BERT-base, a line each, and the target.

    make bench-speed MIRROR=DIR   trains what is missing of config/smallest.yaml's models of emotion (about an hour from
                                  scratch), then times them
    python tests/bench_speed.py --mirror DIR --results RESULTS [--variants A,B]
                                  times the bundles RESULTS/emotion/VARIANT/seed*/bundle, those of config/smallest.yaml
                                  or the named ones; trains nothing
    make bench-speed              on the English demo corpus, with the bundles of results/demo-en, if there are any

All in this process, on one thread, one text at a time, the same test texts at their own lengths: the shape of
BERT-base with random weights in PyTorch (eager, fp32) and in ONNX Runtime; the bundles; the tokenizers alone. In a
round each opens its model anew, is warmed up on validation texts and reads every test text once, small ones TURNS
times over, in an order of its own. Times are the 10th percentile and the median of all rounds. How many times faster
is the ratio of a round's medians, the median over rounds, and beside it how far the farthest round is from it. Scores
are means over the seeds' bundles on the whole test part. Timing takes one to three minutes; run it on a machine
that does nothing else.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import mean, median
from unittest.mock import patch

import numpy as np
import pandas
import tokenizers
import torch
import yaml

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests")]

from bench import line, snakemake  # noqa: E402
from bench_int8 import prepared, published_words  # noqa: E402
from bench_shapes import BERT_BASE, checkpoint  # noqa: E402
from emopress.bundle.export import export_transformer  # noqa: E402
from emopress.measure.cold_start import open_classifier  # noqa: E402
from emopress.measure.machine import cpu_facts  # noqa: E402
from emopress.measure.metrics import scores  # noqa: E402
from emopress.measure.timing import chosen_texts  # noqa: E402
from emopress.runtime import remembered  # noqa: E402
from emopress.runtime.bundle import load  # noqa: E402
from emopress.runtime.bundle_reader import read_bundle  # noqa: E402
from emopress.runtime.tokenizer_file import read_tokenizer_file  # noqa: E402
from emopress.train.tokenizer import train_wordpiece  # noqa: E402

STUDY = "config/smallest.yaml"
ROUNDS, TURNS, TEXTS, WARMUP = 5, 5, 60, 100
LARGE_WARMUP = 3  # texts, of the shape of BERT-base, which is read once a round
PIECES = 3000  # of the tokenizers that are timed alone
MAX_LENGTH = 128
BASE = "BERT-base shape, PyTorch eager"
TARGET_KB, TARGET_TIMES, TARGET_ACCURACY = 35, 1000, 0.92

Read = Callable[[str], object]


@dataclass
class Timed:
    """What reads texts, where it is opened, what is known of it, and the ms of every text it read, by round."""

    name: str
    open: Callable[[], Read]
    turns: int = TURNS
    warmup: int = WARMUP
    kilobytes: float | None = None
    seeds: int = 0
    validation_accuracy: float = 0.0
    accuracy: float = 0.0
    macro_f1: float = 0.0
    rounds: list[list[float]] = field(default_factory=list)

    def turn(self, texts: Sequence[str], others: Sequence[str]) -> None:
        """Open it, warm it up on `others`, and time it on `texts`, into the last round."""
        read = self.open()
        for text in others[: self.warmup]:
            read(text)
        for text in texts:
            start = time.perf_counter()
            read(text)
            self.rounds[-1].append((time.perf_counter() - start) * 1e3)

    def percentiles(self) -> tuple[float, float]:
        """Return the 10th percentile and the median, in ms."""
        low, middle = np.percentile([ms for one in self.rounds for ms in one], [10, 50])
        return float(low), float(middle)

    def told(self, base: "Timed") -> str:
        """Return its line."""
        low, middle = self.percentiles()
        times, spread = faster(self, base)
        size = "" if self.kilobytes is None else f"{self.kilobytes:,.1f} kB"
        score = f"{self.accuracy:.2%} / {self.macro_f1:.2%} ({self.seeds})" if self.seeds else ""
        ratio = f"{times:,.{0 if times >= 10 else 2}f}x (+- {spread:.0%})"
        return f"{self.name:<44} {low:>8.4f} / {middle:>8.4f} {ratio:>17} {size:>13}  {score}"


def faster(one: Timed, other: Timed) -> tuple[float, float]:
    """Return how many times as fast `one` is as `other`, and by which share the farthest round differs."""
    ratios = [median(b) / median(a) for a, b in zip(one.rounds, other.rounds, strict=True)]
    middle = median(ratios)
    return middle, max(abs(ratio / middle - 1) for ratio in ratios)


def time_all(entries: Sequence[Timed], texts: Sequence[str], others: Sequence[str]) -> None:
    """Time all in ROUNDS rounds; in each an entry has `turns` turns, anywhere in it."""
    turns = [entry for entry in entries for _ in range(entry.turns)]
    for number in range(ROUNDS):
        for entry in entries:
            entry.rounds.append([])
        for place in np.random.default_rng(number).permutation(len(turns)):
            turns[place].turn(texts, others)


def opened(folder: Path, runtime: str = "bundle") -> Read:
    """Return the prediction of a bundle or a checkpoint, a text to its probabilities."""
    model = open_classifier(folder, runtime, threads=1, verify=False)
    return lambda text: model.predict_proba([text])


def base_shape(scratch: Path, train: Sequence[str]) -> list[Timed]:
    """Return the shape of BERT-base with random weights, in PyTorch and in ONNX Runtime."""
    whole, bundle = scratch / "checkpoint", scratch / "bundle"
    checkpoint(whole, BERT_BASE, published_words(train))
    export_transformer(whole, bundle)
    large = {"turns": 1, "warmup": LARGE_WARMUP}
    size = sum(path.stat().st_size for path in whole.iterdir()) / 1e3
    return [
        Timed(BASE, partial(opened, whole, "pytorch"), kilobytes=size, **large),
        Timed(
            "BERT-base shape, ONNX Runtime fp32",
            partial(opened, bundle),
            kilobytes=read_bundle(bundle).size_bytes / 1e3,
            **large,
        ),
    ]


def tokenizers_alone(scratch: Path, train: Sequence[str]) -> list[Timed]:
    """Return WordPiece of PIECES entries in the tokenizers package and in emopress."""
    path = scratch / "tokenizer.json"
    train_wordpiece(list(train), vocab_size=PIECES, lowercase=True).save(str(path))

    def package() -> Read:
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
        tokenizer.enable_truncation(MAX_LENGTH)
        return lambda text: tokenizer.encode(text).ids

    def ours() -> Read:
        return read_tokenizer_file(path, max_length=MAX_LENGTH).array

    def forgetful() -> Read:
        with patch.object(remembered, "WORDS", 0):
            return ours()

    return [
        Timed("tokenizers package alone, WordPiece", package),
        Timed("emopress' WordPiece alone", ours),
        Timed("emopress' WordPiece, remembers no words met", forgetful),
    ]


def bundles(results: Path, variants: Sequence[str], data: Path) -> list[Timed]:
    """Return the variants that have bundles in a results folder, with the scores of all their seeds."""
    parts = {part: pandas.read_parquet(data / f"{part}.parquet") for part in ("validation", "test")}
    entries = []
    for variant in variants:
        folders = sorted((results / variant).glob("seed*/bundle"))
        found = [scored(folder, parts) for folder in folders if (folder / "bundle.json").is_file()]
        if not found:
            print(f"      no bundle of {variant} in {results}: it is left out", flush=True)
            continue
        sizes, validation, accuracy, macro_f1 = map(mean, zip(*found, strict=True))
        opening = partial(opened, folders[0])
        entries.append(
            Timed(
                variant,
                opening,
                kilobytes=sizes,
                seeds=len(found),
                validation_accuracy=validation,
                accuracy=accuracy,
                macro_f1=macro_f1,
            )
        )
    return entries


def scored(folder: Path, parts: dict[str, pandas.DataFrame]) -> tuple[float, float, float, float]:
    """Return a bundle's size in kB, its accuracy on validation, and its accuracy and macro F1 on test."""
    model, found = load(folder), {}
    for part, frame in parts.items():
        logits = model.predict_logits(frame["text"].tolist(), batch_size=32)
        truth = frame["label"].to_numpy()
        found[part] = scores(truth, logits.argmax(axis=1), model.labels)
    test = found["test"]
    size = read_bundle(folder).size_bytes / 1e3
    return size, found["validation"].accuracy, test.accuracy, test.macro_f1


def trained(mirror: Path, variants: Sequence[str], seeds: Sequence[int]) -> Path:
    """Make what is missing of the variants of emotion in results/, and return their folder there."""
    wanted = [f"results/emotion/{v}/seed{s}/bundle/bundle.json" for v in variants for s in seeds]
    missing = [path for path in wanted if not (ROOT / path).is_file()]
    print(
        f"      {len(missing)} of {len(wanted)} bundles are missing; snakemake makes them, and those that are out of "
        "date (about an hour for all)",
        flush=True,
    )
    cores = str(os.cpu_count() or 1)
    study = ["--configfile", STUDY, "--config", f"mirror={mirror.resolve()}"]
    snakemake("--cores", cores, *study, "--", *wanted, cwd=ROOT)
    return ROOT / "results" / "emotion"


def target(entries: Sequence[Timed], base: Timed) -> None:
    """Print what the best variant of TARGET_KB, chosen on validation, reaches."""
    small = [entry for entry in entries if entry.kilobytes and entry.kilobytes <= TARGET_KB]
    if not small:
        print(f"      no variant has {TARGET_KB} kB or less")
        return
    best = max(small, key=lambda entry: entry.validation_accuracy)
    times, spread = faster(best, base)
    what = f"best on validation in {TARGET_KB} kB, {best.name}"
    bar = f"{TARGET_ACCURACY:.0%}"
    line(f"{what}: accuracy", f"{best.accuracy:.2%}", bar, best.accuracy >= TARGET_ACCURACY)
    told, bar = f"{times:,.0f}x (+- {spread:.0%})", f"{TARGET_TIMES:,}x"
    line(f"{what}: faster than BERT-base", told, bar, times >= TARGET_TIMES)


def variants_of(dataset: str) -> tuple[list[str], list[int]]:
    """Return the variants of a data set in STUDY, and its seeds."""
    study = yaml.safe_load((ROOT / STUDY).read_text(encoding="utf-8"))
    (block,) = (block for block in study["study"] if block["dataset"] == dataset)
    return block["variants"], study["seeds"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", type=Path, help="folder with emotion/train.txt and the others")
    parser.add_argument("--results", type=Path, help="results folder to time as it is")
    parser.add_argument("--variants", help="which of its variants, separated by commas")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    dataset = "emotion" if chosen.mirror else "demo-en"
    raw = chosen.mirror / "emotion" if chosen.mirror else ROOT / "data" / "demo"
    folder = (chosen.results or ROOT / "results") / dataset
    if chosen.variants:
        names = chosen.variants.split(",")
    elif chosen.mirror:
        names, seeds = variants_of("emotion")
        if not chosen.results:
            folder = trained(chosen.mirror, names, seeds)
    else:
        names = sorted(path.name for path in folder.glob("*") if path.is_dir())
        print(
            "      No trained models of a real corpus: give --mirror DIR (make bench-speed MIRROR=DIR), which trains "
            "them on DIR/emotion.\n      This is the English demo corpus",
            f"with the models of {folder}."
            if names
            else "without models (make report trains some).",
            flush=True,
        )
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        data = prepared(dataset, raw, scratch / "data")
        train, validation = (
            pandas.read_parquet(data / f"{part}.parquet")["text"].tolist()
            for part in ("train", "validation")
        )
        models = bundles(folder, names, data)
        base, *rest = base_shape(scratch, train)
        entries = [base, *rest, *models, *tokenizers_alone(scratch, train)]
        start = time.perf_counter()
        time_all(entries, chosen_texts(data / "test.parquet", TEXTS), validation)
    cpu, flags = cpu_facts()
    wall = time.perf_counter() - start
    print(f"      {cpu}, {' '.join(flags)}, one thread; {TEXTS} texts of {dataset}, {wall:.0f} s")
    print(
        f"      {'':<44} ms a text, p10 / p50   times faster        size  accuracy / macro F1 (seeds)"
    )
    for entry in entries:
        print(f"      {entry.told(base)}")
    if chosen.mirror:
        target(models, base)
