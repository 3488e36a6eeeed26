"""Entries: every mistake in one readable line, defaults filled in, key order of no account."""

import json

import pytest
from pydantic import ValidationError

from emopress.entries.base import IN_A_CONFIG
from emopress.entries.study import Config, model_entry, pass_entry
from emopress.study.json_schema import config_schema, resolve
from emopress.study.reading import read_config
from plain_entries import typed_entry


def errors(config):
    """Return the lines that say what is wrong with the entries."""
    return read_config(config).mistakes


def whole(config):
    """Return a valid config with its defaults, as plain values."""
    return Config.model_validate(config).plain()


def changed(config, path, value):
    """Set the key at a dotted path; KeyError if what leads there is absent."""
    *way, last = path.split(".")
    node = config
    for key in way:
        node = node[key]
    node[last] = value
    return config


@pytest.fixture
def config():
    return {
        "name": "a-study",
        "seeds": [0],
        "datasets": {
            "toy": {
                "title": "Toy",
                "language": "en",
                "labels": ["a", "b"],
                "licence": "MIT",
                "source": {"files": [{"name": "toy.csv", "path": "toy.csv"}]},
                "split": {},
            }
        },
        "models": {
            "big": {
                "family": "transformer",
                "init": {"architecture": "bert", "layers": 1, "width": 8, "heads": 1, "ffn": 8},
                "tokenizer": {"train": "wordpiece", "vocab_size": 500},
                "train": {},
            },
            "svm": {"family": "linear"},
        },
        "passes": {
            "mag": {"kind": "prune", "method": "magnitude", "amount": 0.5},
            "kd": {"kind": "distill", "student": "big", "train": {}},
            "int8": {"kind": "quantize", "method": "static", "calibration": {}},
        },
        "study": [{"dataset": "toy", "variants": ["big"]}],
    }


def test_valid(config):
    assert errors(config) == []


MISTAKES = [
    ("colour", 1, "unknown key 'colour'; allowed: name, description"),
    ("timing", {"round": 3}, "timing: unknown key 'round'; did you mean 'rounds'?"),
    ("passes.mag.ammount", 1, "passes.mag: unknown key 'ammount'; did you mean 'amount'?"),
    ("passes.mag.amount", 1.5, "passes.mag.amount: 1.5 is too large; it must be below 1"),
    ("passes.mag.amount", "half", "passes.mag.amount: 'half' is not a number"),
    ("passes.mag.kind", "cut", "passes.mag.kind: 'cut' is not one of trim, distill, prune"),
    ("passes.mag", {"kind": "prune"}, "passes.mag: missing key 'method'"),
    ("passes.mag", {"kind": "prune", "method": "magnitude"}, "passes.mag: missing key 'amount'"),
    ("passes.mag.distill", {}, "passes.mag: 'distill' needs 'recover' as well"),
    ("passes.kd.layers", [0, 1], "passes.kd: give exactly one of student, layers"),
    ("passes.svd", {"kind": "low-rank"}, "passes.svd: give exactly one of rank, energy"),
    ("passes.ov", {"kind": "openvino"}, "passes.ov: missing key 'precision'"),
    ("passes.mag.recover", {"epoch": 1}, "passes.mag.recover: unknown key 'epoch'; did you mean"),
    ("passes.kd.train.epochs", "3", "passes.kd.train.epochs: '3' is not a whole number"),
    (
        "passes.int8.calibration.text",
        1,
        "passes.int8.calibration: unknown key 'text'; did you mean 'text",
    ),
    ("passes.int8.method", "int3", "passes.int8.method: 'int3' is not one of static, dynamic"),
    ("passes.Big", {"kind": "quantize", "method": "static"}, "'Big' is not valid; allowed"),
    ("models.big.init.layers", 0, "models.big.init.layers: 0 is too small; it must be at least 1"),
    ("models.big.hub", "a/b", "models.big: give exactly one of"),
    ("models.svm.epochs", 3, "models.svm: unknown key 'epochs'"),
    ("passes.mag", {"amount": 0.5}, "passes.mag: missing key 'kind'"),
    ("models.svm", {}, "models.svm: missing key 'family'"),
    (
        "models.svm.family",
        "forest",
        "models.svm.family: 'forest' is not one of transformer, linear",
    ),
    ("models.svm.ngrams", [1], "models.svm.ngrams: [1] has 1 entry; give at least 2"),
    ("datasets.toy.labels", ["a", "a"], "datasets.toy.labels: 'a' is listed twice"),
    ("datasets.toy.split.method", "random", "'random' is not one of paper, clean, given"),
    ("seeds", [0, 0], "seeds: 0 is listed twice"),
    ("seeds", 3, "seeds: 3 is not a list"),
    ("device", "tpu", "device: 'tpu' is not one of auto, cpu, cuda"),
    ("study", [], "study: []"),
]


@pytest.mark.parametrize(("path", "value", "message"), MISTAKES)
def test_mistake(config, path, value, message):
    lines = errors(changed(config, path, value))
    assert len(lines) == 1 and "\n" not in lines[0]
    assert message in lines[0]


def test_every_mistake_at_once(config):
    changed(config, "passes.mag.ammount", 1)
    changed(config, "models.big.train.epochs", "many")
    del config["seeds"]
    lines = errors(config)
    assert len(lines) == 3
    assert {line.split(":")[0] for line in lines} == {
        "missing key 'seeds'",
        "passes.mag",
        "models.big.train.epochs",
    }


def test_defaults(config):
    full = whole(config)
    assert full["device"] == "auto" and full["mirror"] == [] and full["description"] == ""
    assert full["timing"]["rounds"] == 5 and full["evaluate"]["batch_size"] == 1
    assert full["evaluate"]["noise"] == [0.05, 0.1, 0.2] and full["timing"]["threads"] == [1, "all"]
    assert full["budgets"]["smallest"] == {"max_loss": 1.0, "prefer": "size"}
    assert full["passes"]["kd"]["temperature"] == 2.0
    assert full["passes"]["kd"]["train"]["weight_decay"] == 0.01
    assert full["passes"]["int8"]["calibration"]["texts"] == 128
    assert full["passes"]["mag"]["scope"] == "global"
    assert full["models"]["svm"]["ngrams"] == [2, 5]
    assert full["datasets"]["toy"]["columns"] == {"text": "text", "label": "label"}
    assert whole(full) == full


def test_each_quantization_method_has_its_own_keys(config):
    config["passes"]["dyn"] = {"kind": "quantize", "method": "dynamic", "calibration": {"texts": 9}}
    (line,) = errors(config)
    assert line.startswith("passes.dyn: unknown key 'calibration'")
    config["passes"]["dyn"] = {"kind": "quantize", "method": "weight-only"}
    assert whole(config)["passes"]["dyn"] == config["passes"]["dyn"]


def test_a_trained_tokenizer_needs_its_size(config):
    del config["models"]["big"]["tokenizer"]["vocab_size"]
    (line,) = errors(config)
    assert line == "models.big.tokenizer: 'train' needs 'vocab_size' as well"


def test_given_values_stay(config):
    changed(config, "passes.kd.train.epochs", 7)
    config["timing"] = {"rounds": 1}
    full = whole(config)
    assert full["passes"]["kd"]["train"]["epochs"] == 7
    assert full["timing"]["rounds"] == 1 and full["timing"]["texts"] == 40


def test_no_recovery_unless_asked_for(config):
    assert "recover" not in whole(config)["passes"]["mag"]
    changed(config, "passes.mag.recover", {})
    assert whole(config)["passes"]["mag"]["recover"]["epochs"] == 5


@pytest.mark.parametrize(
    ("path", "spellings", "expected"),
    [
        ("models.svm.C", (1, 1.0), 1),  # most write it so: their linear models are not trained anew
        ("models.svm.C", (0.3, 3.0e-1), 0.3),
        ("passes.kd.temperature", (2, 2.0), 2.0),  # the schema's default, which most have
        ("passes.kd.temperature", (4, 4.0), 4),
        ("passes.kd.train.epochs", (7, 7.0), 7),
        ("passes.kd.train.learning_rate", (0.0001, 1.0e-4), 0.0001),
        ("passes.kd.train.weight_decay", (0, 0.0, -0.0), 0),
        ("passes.kd.train.max_grad_norm", (1, 1.0), 1.0),
        ("passes.int8.calibration.percentile", (100, 100.0), 100),
        ("evaluate.noise", ([1, 0.5], [1.0, 0.5]), [1, 0.5]),
        ("models.svm.ngrams", ([2, 5], [2.0, 5.0]), [2, 5]),
        ("seeds", ([1, 2], [1.0, 2.0]), [1, 2]),
        ("timing.threads", ([1, "all"], [1.0, "all"]), [1, "all"]),  # one of several kinds
        ("passes.kd.train.max_grad_norm", (1e300,), 1e300),
    ],
)
def test_equal_numbers_are_one_value(config, path, spellings, expected):
    """Snakemake compares params as text: what `repr` gives is what is compared."""
    config |= {"evaluate": {}, "timing": {}}
    found = set()
    for spelling in spellings:
        value = read_config(changed(config, path, spelling)).config.plain()
        for key in path.split("."):
            value = value[key]
        found.add(repr(value))
    assert found == {repr(expected)}


def test_choices_and_pairs_of_numbers_are_spelt_as_the_schema_does(config):
    passes = {
        "four": {"kind": "quantize", "method": "int4", "block_size": 32.0},
        "white": {
            "kind": "distill",
            "student": "big",
            "hidden_weight": 1,
            "layer_map": [[0.0, 1], [1, 3.0]],
        },
    }
    full = read_config({**config, "passes": passes}).config.plain()["passes"]
    assert repr(full["four"]["block_size"]) == "32"
    assert repr(full["white"]["layer_map"]) == "[[0, 1], [1, 3]]"
    assert full["four"]["symmetric"] is True  # truth values are no numbers


def test_input_is_left_alone(config):
    before = json.dumps(config)
    whole(config)
    assert json.dumps(config) == before


def test_key_order_does_not_matter(config, backwards):
    """Snakemake compares params as text, so a new order alone would rerun jobs."""
    assert json.dumps(whole(config)) == json.dumps(whole(backwards(config)))


SCHEMA = config_schema()


def nodes(node, where=""):
    yield where, node
    for name, child in node.get("properties", {}).items():
        yield from nodes(resolve(SCHEMA, child), f"{where}.{name}")
    if isinstance(node.get("items"), dict):
        yield from nodes(resolve(SCHEMA, node["items"]), f"{where}[]")


@pytest.mark.parametrize("name", ["config", *SCHEMA["$defs"]])
def test_every_key_is_described_and_no_other_is_let_in(name):
    for where, node in nodes(SCHEMA if name == "config" else SCHEMA["$defs"][name]):
        if "allOf" in node:  # a choice: each branch closes itself
            branches = [resolve(SCHEMA, choice["then"]) for choice in node["allOf"]]
            assert all(branch["additionalProperties"] is False for branch in branches), where
        elif node.get("type") == "object":
            assert "additionalProperties" in node, where
        for key, child in node.get("properties", {}).items():
            assert resolve(SCHEMA, child).get("description"), f"{name}{where}.{key}"


@pytest.mark.parametrize("value", [None, "yes", 3])
@pytest.mark.parametrize("path", ["passes.mag", "passes.kd", "models.big", "models.big.tokenizer"])
def test_an_entry_that_is_no_mapping(config, path, value):
    lines = errors(changed(config, path, value))
    line = f"{path}: {'null' if value is None else repr(value)} is not a mapping"
    if value is None and path == "models.big.tokenizer":  # a key that may be left out
        line = f"{path}: null is not allowed; leave the key out"
    assert line in lines
    assert all("\n" not in line for line in lines)


@pytest.mark.parametrize(
    ("path", "value", "also"),
    [
        ("passes.kd", {"kind": "distill", "alpha": 7}, "passes.kd: give exactly one of student"),
        (
            "passes.kd",
            {"kind": "distill", "student": "big", "layer_map": "last", "alpha": 7},
            "idle",
        ),
        (
            "passes.mag",
            {"kind": "prune", "method": "magnitude", "scope": 7},
            "missing key 'amount'",
        ),
        ("models.svm", {"family": "linear", "C": 0, "c": 1}, "models.svm: unknown key 'c'"),
    ],
)
def test_keys_and_values_of_one_entry_are_both_told(config, path, value, also):
    lines = errors(changed(config, path, value))
    also = "'layer_map' changes nothing without one of" if also == "idle" else also
    assert len(lines) == 2 and any(also in line for line in lines)


def test_what_a_job_gets_is_the_entry_of_the_config(config):
    """Its keys are all there, defaults too, and none of them is idle."""
    entry = Config.model_validate(config, context=IN_A_CONFIG)
    for make, section in ((model_entry, entry.models), (pass_entry, entry.passes)):
        for name, typed in section.items():
            again = make(json.loads(json.dumps({"name": name, **typed.plain()})))
            assert type(again) is type(typed) and again.plain() == typed.plain()


def test_an_entry_cannot_be_changed_or_misspelt():
    entry = typed_entry("magnitude", amount=0.5)
    with pytest.raises(ValidationError):
        entry.amount = 0.6
    with pytest.raises(AttributeError):
        _ = entry.ammount
    with pytest.raises(ValidationError):
        typed_entry("magnitude", ammount=0.5)
