"""Prints what passes give on the shapes of published models, with random weights, one line each.

    python tests/bench_shapes.py --tables      what int8 embedding tables with a scale per row cost in time
    python tests/bench_shapes.py               also structured pruning, low rank and engines of a BERT-base shape
    python tests/bench_shapes.py --data results/data/ubmec
                                               also how many rows trimming takes off multilingual BERT's shape on UBMEC

Random weights say nothing about accuracy; shapes alone make size and latency. Run it on a machine that does nothing
else (`make bench` does).
"""

import argparse
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import torch

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests")]

from bench import line  # noqa: E402
from emopress.artifact import read_json  # noqa: E402
from emopress.bundle.export import export_transformer  # noqa: E402
from emopress.bundle.quantize import quantize  # noqa: E402
from emopress.checkpoint import library_versions, write_manifest  # noqa: E402
from emopress.compress.low_rank import low_rank  # noqa: E402
from emopress.compress.prune_structured import prune_structured  # noqa: E402
from emopress.compress.trim import trim  # noqa: E402
from emopress.entries.step import typed_step  # noqa: E402
from emopress.entries.study import pass_entry  # noqa: E402
from emopress.measure.candidates import Candidate  # noqa: E402
from emopress.measure.timing import row, time_rounds  # noqa: E402
from emopress.train.finetune import save_transformer  # noqa: E402
from emopress.train.run import TrainingRun  # noqa: E402
from emopress.train.tokenizer import (  # noqa: E402
    SPECIAL_TOKENS,
    embedding_rows,
    pad_id,
    train_wordpiece,
    wordpiece,
)
from emopress.train.transformer import build_transformer, count_parameters  # noqa: E402
from plain_entries import transformer  # noqa: E402

LABELS = ["sadness", "joy", "love", "anger", "fear", "surprise"]
BERT_BASE = {"architecture": "bert", "layers": 12, "width": 768, "heads": 12, "ffn": 3072}
MINILM = {"architecture": "bert", "layers": 6, "width": 384, "heads": 12, "ffn": 1536}
MULTILINGUAL_ROWS = 119_547
BENGALI_PIECES = 6000
ROUNDS, TEXTS = 7, 12
TIMING = {"rounds": ROUNDS, "warmup": 3, "batch_size": 1}


def step(name: str, **entry: Any) -> dict[str, Any]:
    """Return a pass's config entry with its defaults."""
    return {"name": name, **pass_entry(entry).plain()}


def checkpoint(folder: Path, init: dict[str, Any], words: list[str]) -> Path:
    """Write a checkpoint of a shape, all its weights random (biases too: exporters merge zero ones)."""
    torch.manual_seed(0)
    vocabulary = {word: index for index, word in enumerate([*SPECIAL_TOKENS, *words])}
    tokenizer = wordpiece(vocabulary, lowercase=False)
    model = build_transformer(
        transformer(init),
        labels=LABELS,
        vocab_size=embedding_rows(tokenizer),
        max_length=128,
        pad=pad_id(tokenizer),
        pretrained=None,
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    params, nonzero = count_parameters(model)
    folder.mkdir(parents=True)
    save_transformer(folder, model, tokenizer, max_length=128)
    facts = {
        "family": "transformer",
        **{"labels": LABELS, "language": "en", "max_length": 128, "normalise": "none"},
        **{"recipe": [{"name": "shape"}], "seed": 0, "parent": None, "base": None, "licences": []},
        **{"data_sha256": "0", "params": params, "nonzero_params": nonzero},
        "versions": library_versions("torch"),
    }
    write_manifest(folder, facts)
    return folder


def latencies(bundles: dict[str, Path], texts: list[str]) -> dict[str, float]:
    """Return the median latency in ms of each bundle, in interleaved rounds, batch 1, one thread."""
    candidates = {name: Candidate(name, 0, "bundle", folder) for name, folder in bundles.items()}
    measured = time_rounds(list(candidates.values()), texts, TIMING, [1])
    return {n: row(c, 1, measured[c, 1])["latency_ms_p50"] for n, c in candidates.items()}


def random_texts(words: list[str], train: Path) -> list[str]:
    """Return 200 texts of 32 tokens, and write them as training texts."""
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(words, 30)) for _ in range(200)]
    frame = pandas.DataFrame(
        {"id": range(200), "text": texts, "label": [i % 6 for i in range(200)]}
    )
    frame["id"] = frame["id"].astype(str)
    frame.to_parquet(train)
    return texts


def tables(scratch: Path) -> None:
    """Time a MiniLM shape in dynamic int8 with its tables in int8, a scale per row, and in fp32."""
    words = [f"w{i}" for i in range(30_000)]
    texts = random_texts(words, scratch / "words.parquet")
    whole, bundles = scratch / "minilm-bundle", {}
    export_transformer(checkpoint(scratch / "minilm", MINILM, words), whole)
    for name, embeddings in (("fp32", False), ("int8", True)):
        bundles[name] = scratch / f"minilm-{name}"
        dynamic = step("dynamic", kind="quantize", method="dynamic", embeddings=embeddings)
        train = scratch / "words.parquet"
        quantize(parent=whole, step=typed_step(dynamic), seed=0, train=train, out=bundles[name])
    ms = latencies(bundles, texts[:TEXTS])
    print("      MiniLM shape, 32 tokens, ms: " + ", ".join(f"{n} {v:.2f}" for n, v in ms.items()))
    cost = ms["int8"] / ms["fp32"]
    line("MiniLM int8, tables in int8 over fp32", f"{cost:.3f}x the time", "1.03x", cost <= 1.03)


def base_shape(scratch: Path) -> None:
    """Cut, factor and quantize a BERT-base shape, and time what comes of it on texts of 32 tokens."""
    words = [f"w{i}" for i in range(2000)]
    train = scratch / "train.parquet"
    texts = random_texts(words, train)
    whole = checkpoint(scratch / "whole", BERT_BASE, words)
    made = {"parent": whole, "seed": 0, "train": train, "validation": train, "device": "cpu"}
    half = step("structured", kind="prune", method="structured", heads=0.5, ffn=0.5)
    half |= {"importance": "index"}
    fewer = step("structured", kind="prune", method="structured", layers=6)
    fewer |= {"importance": "index"}
    thin = step("low_rank", kind="low-rank", rank=128)
    prune_structured(
        step=typed_step(half),
        out=scratch / "half",
        run=TrainingRun(scratch / "state", code="tests"),
        **made,
    )
    prune_structured(
        step=typed_step(fewer),
        out=scratch / "fewer",
        run=TrainingRun(scratch / "state", code="tests"),
        **made,
    )
    low_rank(
        step=typed_step(thin),
        out=scratch / "thin",
        run=TrainingRun(scratch / "state", code="tests"),
        **made,
    )
    bundles = {}
    for name in ("whole", "half", "fewer", "thin"):
        bundles[name] = scratch / f"{name}-bundle"
        export_transformer(scratch / name, bundles[name])
    bundles["int8"] = scratch / "int8-bundle"
    dynamic = step("dynamic", kind="quantize", method="dynamic")
    quantize(
        parent=bundles["whole"], step=typed_step(dynamic), seed=0, train=train, out=bundles["int8"]
    )
    if find_spec("openvino"):
        from emopress.bundle.openvino import openvino

        bundles["openvino int8"] = scratch / "openvino-bundle"
        openvino(
            parent=bundles["whole"],
            step=typed_step(
                step("openvino", kind="openvino", precision="int8", calibration={"texts": 30})
            ),
            seed=0,
            train=train,
            out=bundles["openvino int8"],
            threads=1,
        )
    else:
        print("      openvino is not installed: its row is left out")
    ms = latencies(bundles, texts[:TEXTS])
    print(
        "      BERT-base shape, 32 tokens, ms: " + ", ".join(f"{n} {v:.1f}" for n, v in ms.items())
    )
    gain = ms["whole"] / ms["half"]
    line("BERT-base, half the heads and half the FFN", f"{gain:.2f}x faster", "1.6x", gain >= 1.6)
    gain = ms["whole"] / ms["fewer"]
    line("BERT-base, half the layers", f"{gain:.2f}x faster", "1.8x", gain >= 1.8)
    gain = ms["whole"] / ms["thin"]
    line("BERT-base, low rank 128", f"{gain:.2f}x faster", "1.0x", gain > 1)
    if "openvino int8" in ms:
        gain = ms["int8"] / ms["openvino int8"]
        line("BERT-base, OpenVINO int8 over ORT int8", f"{gain:.2f}x faster", "1.1x", gain >= 1.1)


def multilingual_rows(scratch: Path, data: Path) -> None:
    """Trim a vocabulary of multilingual BERT's size, width 768, to UBMEC's training texts.

    The multilingual vocabulary itself is not at hand. This one has BENGALI_PIECES trained on these
    very texts, so that nearly all of them are kept, and entries of other languages for the rest.
    """
    texts = pandas.read_parquet(data / "train.parquet")["text"].tolist()
    trained = train_wordpiece(texts, vocab_size=BENGALI_PIECES, lowercase=False).get_vocab()
    words = [word for word in trained if word not in SPECIAL_TOKENS]
    words += [f"q{i}" for i in range(MULTILINGUAL_ROWS - len(words) - len(SPECIAL_TOKENS))]
    init = {**BERT_BASE, "layers": 1}  # the layers play no part
    whole = checkpoint(scratch / "multilingual", init, words)
    trim(
        parent=whole,
        step=typed_step(step("trim", kind="trim")),
        seed=0,
        train=data / "train.parquet",
        test=data / "test.parquet",
        out=scratch / "trimmed",
    )
    found = read_json(scratch / "trimmed" / "checkpoint.json")["findings"]["trim"]
    share = found["embedding_rows_removed_share"]
    print(f"      a made-up vocabulary, {BENGALI_PIECES} of it Bengali: {found}")
    line(
        "multilingual BERT's 119,547 rows on UBMEC: removed", f"{share:.1%}", "85 %", share >= 0.85
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of UBMEC's prepared parquet files")
    parser.add_argument("--tables", action="store_true", help="only what int8 tables cost in time")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        tables(Path(folder))
        if chosen.tables:
            sys.exit()
        base_shape(Path(folder))
        if chosen.data:
            multilingual_rows(Path(folder), chosen.data)
