"""Small transformer checkpoints and every kind of bundle, made once for all unit tests."""

import shutil
from types import SimpleNamespace

import numpy as np
import pandas
import pytest

from emopress.entries.step import typed_step
from plain_entries import built, entry_step, transformer

STEP = {"name": "tiny", "family": "transformer"}


def write_checkpoint(folder, architecture, corpus):
    """Write a transformer checkpoint whose weights are all random, biases too."""
    import torch

    from emopress.checkpoint import write_manifest
    from emopress.train.finetune import save_transformer, transformer_facts
    from emopress.train.splits import read_split
    from emopress.train.tokenizer import pad_id, train_wordpiece
    from emopress.train.transformer import build_transformer

    torch.manual_seed(7)
    texts = read_split(corpus.train).texts
    tokenizer = train_wordpiece(texts, vocab_size=800, lowercase=True)
    init = {"architecture": architecture, "layers": 2, "width": 64, "heads": 2, "ffn": 128}
    model = build_transformer(
        transformer(init),
        labels=corpus.labels,
        vocab_size=tokenizer.get_vocab_size(),
        max_length=corpus.data["max_length"],
        pad=pad_id(tokenizer),
        pretrained=None,
    )
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    folder.mkdir(parents=True)
    save_transformer(folder, model, tokenizer, max_length=corpus.data["max_length"])
    write_manifest(
        folder,
        {
            **transformer_facts(model),
            **corpus.data,
            "recipe": [STEP],
            "seed": 0,
            "parent": None,
            "base": None,
            "licences": [],
            "data_sha256": "0",
        },
    )


@pytest.fixture(scope="session")
def artifacts(tmp_path_factory, demo, few, filled, training):
    """`checkpoints` and `bundles` by name: three architectures, and every pass on BERT."""
    from emopress.bundle.export import export_transformer
    from emopress.bundle.quantize import quantize
    from emopress.bundle.quantize_affine import quantize_affine
    from emopress.compress.prune_magnitude import prune_magnitude
    from emopress.conv.export import export_conv
    from emopress.conv.train import train_conv
    from emopress.dense.export import export_dense
    from emopress.dense.train import train_dense
    from emopress.linear.export import export_linear
    from emopress.linear.quantize import quantize_linear
    from emopress.linear.train import train_linear
    from emopress.measure.teacher_logits import teacher_logits
    from emopress.train.finetune import finetune
    from emopress.train.run import TrainingRun

    root, corpus = tmp_path_factory.mktemp("artifacts"), demo["en"]
    checkpoints = {name: root / name / "checkpoint" for name in ("bert", "distilbert", "electra")}
    for name, folder in checkpoints.items():
        write_checkpoint(folder, name, corpus)
    job = {"seed": 0, "device": "cpu", "train": few.train, "validation": few.validation}
    checkpoints["pruned"] = root / "pruned" / "checkpoint"
    prune_magnitude(
        parent=checkpoints["bert"],
        step=entry_step("prune", kind="prune", method="magnitude", amount=0.5),
        run=TrainingRun(root / "state", code="tests"),
        out=checkpoints["pruned"],
        **job,
    )
    bundles = {name: root / name / "bundle" for name in checkpoints}
    for name in checkpoints:
        export_transformer(checkpoints[name], bundles[name])
    student = {
        "name": "micro",
        "family": "transformer",
        "init": {
            "architecture": "distilbert",
            "layers": 1,
            "width": 32,
            "heads": 2,
            "ffn": 64,
            "dropout": 0.1,
        },
        "tokenizer": {"train": "wordpiece", "vocab_size": 300, "lowercase": True},
    }
    teacher_logits(bundles["bert"], few.train, root / "logits.safetensors", threads=1)
    checkpoints["distilled"] = root / "distilled" / "checkpoint"
    finetune(
        step=built(
            {
                **filled("distill", kind="distill", student="micro", train=training(epochs=1)),
                "student_model": student,
            }
        ),
        data=few.data,
        pretrained=None,
        pretrained_tokenizer=None,
        run=TrainingRun(root / "state", code="tests"),
        out=checkpoints["distilled"],
        teacher=bundles["bert"],
        teacher_logits=[root / "logits.safetensors"],
        **job,
    )
    bundles["distilled"] = root / "distilled" / "bundle"
    export_transformer(checkpoints["distilled"], bundles["distilled"])
    steps = {
        "static": filled("quantize", kind="quantize", method="static", calibration={"texts": 20}),
        "dynamic": filled("quantize", kind="quantize", method="dynamic"),
    }
    for parent, method in [(p, m) for p in ("bert", "distilbert", "electra") for m in steps] + [
        ("pruned", "static")
    ]:
        name = f"{parent}-{method}"
        bundles[name] = root / name / "bundle"
        quantize(
            parent=bundles[parent],
            step=typed_step(steps[method]),
            seed=0,
            train=few.train,
            out=bundles[name],
        )
    checkpoints["linear"] = root / "linear" / "checkpoint"
    train_linear(
        step=typed_step(filled("linear", family="linear")),
        data=corpus.data,
        seed=0,
        train=corpus.train,
        validation=corpus.validation,
        out=checkpoints["linear"],
    )
    bundles["linear"] = root / "linear" / "bundle"
    export_linear(checkpoints["linear"], bundles["linear"])
    bundles["linear-int8"] = root / "linear-int8" / "bundle"
    quantize_linear(
        parent=bundles["linear"],
        step=typed_step(filled("quantize", kind="quantize", method="weight-only")),
        out=bundles["linear-int8"],
    )
    checkpoints["dense"] = root / "dense" / "checkpoint"
    vectors = {"source": "subword", "dimension": 8, "buckets": 100, "min_count": 2}
    train_dense(
        step=built(filled("dense", family="dense", vectors=vectors, train=training(epochs=1))),
        data=corpus.data,
        vectors=None,
        run=TrainingRun(root / "state", code="tests"),
        out=checkpoints["dense"],
        **job,
    )
    bundles["dense"] = root / "dense" / "bundle"
    export_dense(checkpoints["dense"], bundles["dense"])
    for bits in (8, 3):
        name = f"dense-int{bits}"
        bundles[name] = root / name / "bundle"
        quantize_affine(
            parent=bundles["dense"],
            step=typed_step(
                filled("affine", kind="quantize", method="affine", bits=bits, percentile=99.5)
            ),
            validation=few.validation,
            out=bundles[name],
        )
    checkpoints["conv"], bundles["conv"] = (root / "conv" / n for n in ("checkpoint", "bundle"))
    train_conv(
        step=built(
            filled(
                "conv",
                family="conv",
                width=6,
                filters=8,
                kernels=[2, 3],
                tokenizer={"train": "wordpiece", "vocab_size": 300, "lowercase": True},
                train=training(epochs=2),
            )
        ),
        data=corpus.data,
        run=TrainingRun(root / "state", code="tests"),
        out=checkpoints["conv"],
        **job,
    )
    export_conv(checkpoints["conv"], bundles["conv"])
    bundles["conv-int4"] = root / "conv-int4" / "bundle"
    quantize_affine(
        parent=bundles["conv"],
        step=typed_step(filled("affine", kind="quantize", method="affine", bits=4, percentile=100)),
        validation=few.validation,
        out=bundles["conv-int4"],
    )
    return SimpleNamespace(checkpoints=checkpoints, bundles=bundles, steps=steps)


@pytest.fixture
def exact_unasked(monkeypatch):
    """Return a function: are a bundle's logits on this machine, whichever it is, those of exact products?"""
    from emopress.runtime import processor
    from emopress.runtime.bundle import load

    def same(bundle, texts):
        here = load(bundle).predict_logits(texts)
        with monkeypatch.context() as patch:
            patch.setattr(processor, "x64quantprecision", lambda: "1")
            return np.array_equal(here, load(bundle).predict_logits(texts))

    return same


@pytest.fixture
def copied(tmp_path, artifacts):
    """Return a function that copies a bundle or checkpoint, to spoil."""

    def copy(name, kind="bundles"):
        return shutil.copytree(getattr(artifacts, kind)[name], tmp_path / f"{kind}-{name}")

    return copy


@pytest.fixture(scope="session")
def texts(demo):
    """Forty test texts and the odd ones: empty, unknown letters, longer than any model reads."""
    return [*demo["en"].frame["text"][1050:1090], "", "ঞ 😱", "very " * 100]


@pytest.fixture(scope="session")
def probabilities(artifacts, texts):
    """The probabilities that each bundle gives for `texts` in this process."""
    from emopress.runtime.bundle import load

    return {
        name: np.asarray(load(folder).predict_proba(texts))
        for name, folder in artifacts.bundles.items()
    }


def paired_texts(frame, rng):
    """Return texts of one to two of the demo corpus's, each with the labels of its parts."""
    others = rng.integers(len(frame), size=len(frame))
    rows = []
    for index, other in enumerate(others.tolist()):
        one, two = frame.iloc[index], frame.iloc[other]
        if index % 2:
            rows.append((one["id"], one["text"], [int(one["label"])]))
        else:
            both = sorted({int(one["label"]), int(two["label"])})
            rows.append((one["id"], f"{one['text']} {two['text']}", both))
    return pandas.DataFrame(rows, columns=["id", "text", "label"])


@pytest.fixture(scope="session")
def sets(tmp_path_factory, demo):
    """Files of a multi-label corpus and what a model knows of it."""
    folder, rng = tmp_path_factory.mktemp("sets"), np.random.default_rng(0)
    files = {}
    for name in ("train", "validation", "test"):
        files[name] = folder / f"{name}.parquet"
        table = pandas.read_parquet(getattr(demo["en"], name))[:400]
        paired_texts(table, rng).to_parquet(files[name], index=False)
    return files, {**demo["en"].data, "task": "multi"}
