"""The same seed on the same machine gives the same files, down to the bundle's hash; another seed does not."""

import pytest

from emopress.artifact import read_json
from emopress.bundle.export import export_transformer
from emopress.bundle.quantize import quantize
from emopress.entries.step import typed_step
from emopress.linear.export import export_linear
from emopress.linear.train import train_linear
from emopress.train.finetune import finetune
from emopress.train.run import TrainingRun
from plain_entries import built

SHAPE = {"architecture": "distilbert", "layers": 1, "width": 32, "heads": 2, "ffn": 64}


def transformer(out, few, training, seed):
    entry = {
        "name": "micro",
        "family": "transformer",
        "init": {**SHAPE, "dropout": 0.1},
        "tokenizer": {"train": "wordpiece", "vocab_size": 300, "lowercase": True},
        "train": training(epochs=1, learning_rate=0.001),
    }
    finetune(
        step=built(entry),
        data=few.data,
        seed=seed,
        device="cpu",
        train=few.train,
        validation=few.validation,
        pretrained=None,
        pretrained_tokenizer=None,
        run=TrainingRun(out / "state", code="tests"),
        out=out / "checkpoint",
    )
    export_transformer(out / "checkpoint", out / "bundle")
    assert sorted(path.name for path in out.iterdir()) == ["bundle", "checkpoint"]


@pytest.fixture(scope="module")
def transformers(tmp_path_factory, few, training):
    root = tmp_path_factory.mktemp("same")
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        (root / name).mkdir()
        transformer(root / name, few, training, seed)
    return root


@pytest.mark.parametrize("manifest", ["checkpoint/checkpoint.json", "bundle/bundle.json"])
def test_transformer(transformers, manifest):
    one, two, other = (
        (transformers / name / manifest).read_bytes() for name in ("one", "two", "other")
    )
    assert one == two
    assert one != other


def test_quantized(transformers, few, filled):
    step = filled("quantize", kind="quantize", method="static", calibration={"texts": 10})
    for name in ("one", "two"):
        quantize(
            parent=transformers / name / "bundle",
            step=typed_step(step),
            seed=3,
            train=few.train,
            out=transformers / f"{name}-int8",
        )
    one, two = (read_json(transformers / f"{name}-int8" / "bundle.json") for name in ("one", "two"))
    assert one == two


def test_linear(tmp_path, few, filled):
    for name in ("one", "two"):
        train_linear(
            step=typed_step(filled("linear", family="linear")),
            data=few.data,
            seed=3,
            train=few.train,
            validation=few.validation,
            out=tmp_path / name / "checkpoint",
        )
        export_linear(tmp_path / name / "checkpoint", tmp_path / name / "bundle")
    manifests = [(tmp_path / n / "bundle" / "bundle.json").read_bytes() for n in ("one", "two")]
    assert manifests[0] == manifests[1]
