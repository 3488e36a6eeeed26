"""Prints what int8 costs in ONNX Runtime on this processor: MiniLM's shape, random weights, texts at their own lengths.

    python tests/bench_int8.py                              the English demo corpus' test texts
    python tests/bench_int8.py --mirror DIR                 those of emotion, from DIR/emotion

Four sessions side by side, for dynamic and for static int8, on one thread with one text at a time: emopress' runtime;
plain onnxruntime.InferenceSession on the same file, as docs/plain_onnxruntime.py has it but for the option; emopress'
with session.x64quantprecision forced to 1, as it once was everywhere; and emopress' in fp32. All take a text to its
logits. A ratio is the median over rounds, each of which has every session predict every text, in an order of its own.
It takes about a minute and needs no network; run it on a machine that does nothing else (`make bench` does).
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from unittest.mock import patch

import numpy as np
import onnxruntime
import pandas
import tokenizers
import torch
import yaml

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests")]

from bench import line  # noqa: E402
from bench_shapes import MINILM, checkpoint, step  # noqa: E402
from emopress.bundle.export import export_transformer  # noqa: E402
from emopress.bundle.quantize import quantize  # noqa: E402
from emopress.data.prepare import prepare_data  # noqa: E402
from emopress.entries.data import DataSet  # noqa: E402
from emopress.entries.step import typed_step  # noqa: E402
from emopress.measure.machine import cpu_facts  # noqa: E402
from emopress.measure.timing import chosen_texts  # noqa: E402
from emopress.runtime import processor  # noqa: E402
from emopress.runtime.bundle import load  # noqa: E402
from emopress.study.layers import with_normalisation  # noqa: E402
from emopress.train.tokenizer import SPECIAL_TOKENS, train_wordpiece  # noqa: E402

VOCABULARY = 30_522
TRAINED_PIECES = 8000  # those that the texts give; the rest of the table is there and not read
ROUNDS, TEXTS, WARMUP = 15, 60, 5

Predict = Callable[[str], np.ndarray]  # a text to its logits [C]


def prepared(name: str, raw: Path, folder: Path) -> Path:
    """Prepare a data set of the catalogue from its files in `raw`, as the workflow does; return `folder`."""
    catalogue = yaml.safe_load((ROOT / "config" / "datasets.yaml").read_text(encoding="utf-8"))
    entry = with_normalisation({name: DataSet(**catalogue[name]).plain()})[name]
    prepare_data(name, entry, raw, folder)
    return folder


def published_words(texts: Sequence[str]) -> list[str]:
    """Return the entries of a vocabulary of BERT's size: pieces of the texts, then words that none has."""
    pieces = train_wordpiece(list(texts), vocab_size=TRAINED_PIECES, lowercase=False).get_vocab()
    words = [word for word in pieces if word not in SPECIAL_TOKENS]
    return words + [f"filler{i}" for i in range(VOCABULARY - len(words) - len(SPECIAL_TOKENS))]


def bundles(scratch: Path, train: Path) -> dict[str, Path]:
    """Write MiniLM's shape with random weights, in fp32 and both kinds of int8."""
    texts = pandas.read_parquet(train)["text"].tolist()
    checkpoint(scratch / "checkpoint", MINILM, published_words(texts))
    found = {"fp32": scratch / "fp32"}
    export_transformer(scratch / "checkpoint", found["fp32"])
    for method in ("dynamic", "static"):
        found[method] = scratch / method
        quantize(
            parent=found["fp32"],
            step=typed_step(step(method, kind="quantize", method=method)),
            seed=0,
            train=train,
            out=found[method],
        )
    return found


class Runtime:
    """emopress' own prediction, which can forget the words that it has read."""

    def __init__(self, bundle: Path) -> None:
        self.model = load(bundle, threads=1)

    def __call__(self, text: str) -> np.ndarray:
        return np.asarray(self.model.predict_logits([text])[0])

    def forget(self) -> None:
        """Forget them: a round's texts are those of the round before."""
        if self.model.memory is not None:
            self.model.memory.forget()


def runtime(bundle: Path) -> Predict:
    """Return emopress' own prediction."""
    return Runtime(bundle)


def plain(bundle: Path) -> Predict:
    """Return the prediction of plain onnxruntime and tokenizers."""
    tokenizer = tokenizers.Tokenizer.from_file(str(bundle / "tokenizer.json"))
    tokenizer.enable_truncation(128)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(bundle / "model.onnx", options)

    def predict(text: str) -> np.ndarray:
        tokens = tokenizer.encode(" ".join(text.split()))
        ids, mask = np.array([tokens.ids]), np.array([tokens.attention_mask])
        return session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0][0]

    return predict


def latencies(sessions: dict[str, Predict], texts: list[str]) -> dict[str, list[float]]:
    """Return for each session the median ms of a text in each round."""
    found: dict[str, list[float]] = {name: [] for name in sessions}
    for turn in range(ROUNDS):
        for name in np.random.default_rng(turn).permutation(list(sessions)):
            predict, spent = sessions[name], []
            if isinstance(predict, Runtime):
                predict.forget()
            for text in [*texts[:WARMUP], *texts]:
                start = time.perf_counter()
                predict(text)
                spent.append((time.perf_counter() - start) * 1e3)
            found[name].append(median(spent[WARMUP:]))
    return found


def ratio(ms: dict[str, list[float]], one: str, other: str) -> float:
    """Return by what a round's `one` takes as long as its `other`, the median over rounds."""
    return median(a / b for a, b in zip(ms[one], ms[other], strict=True))


def report(method: str, folder: Path, fp32: Path, texts: list[str]) -> None:
    """Time the four sessions of one kind of int8 and print its lines."""
    sessions = {"emopress": runtime(folder), "plain": plain(folder), "fp32": runtime(fp32)}
    with patch.object(processor, "x64quantprecision", lambda: "1"):
        sessions["forced"] = runtime(folder)
    ms = latencies(sessions, texts)
    told = ", ".join(f"{name} {median(rounds):.2f}" for name, rounds in ms.items())
    print(f"      {method}, ms a text: {told}")
    logits = {
        name: np.stack([predict(text) for text in texts]) for name, predict in sessions.items()
    }
    names, set_here = f"int8-{method}", processor.x64quantprecision() == "1"
    gap = float(np.abs(logits["emopress"] - logits["forced"]).max())
    line(f"{names}: logits, forced option and emopress", f"{gap:.2g} apart", "0", gap == 0)
    gap = float(np.abs(logits["emopress"] - logits["plain"]).max())
    if set_here:  # no VNNI: plain sums overflow, and the option costs what it always did
        print(f"      {names}: without the option logits are {gap:.2g} off on this processor")
        return
    line(f"{names}: logits, plain ONNX Runtime and emopress", f"{gap:.2g} apart", "0", gap == 0)
    times = ratio(ms, "emopress", "plain")
    line(f"{names}: latency over plain ONNX Runtime's", f"{times:.3f}x", "1.05x", times <= 1.05)
    times = ratio(ms, "forced", "emopress")
    line(f"{names}: faster than with the option forced", f"{times:.2f}x", "2.4x", times >= 2.4)
    print(f"      {names}: {ratio(ms, 'fp32', 'emopress'):.2f}x faster than fp32")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", type=Path, help="folder with emotion/train.txt and the others")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    cpu, flags = cpu_facts()
    print(f"      {cpu}, {' '.join(flags)}, {processor.OPTION}={processor.x64quantprecision()}")
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        if chosen.mirror:
            data = prepared("emotion", chosen.mirror / "emotion", scratch / "data")
        else:
            data = prepared("demo-en", ROOT / "data" / "demo", scratch / "data")
        made = bundles(scratch, data / "train.parquet")
        texts = chosen_texts(data / "test.parquet", TEXTS)
        for method in ("dynamic", "static"):
            report(method, made[method], made["fp32"], texts)
