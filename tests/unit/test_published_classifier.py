"""Published weights: all of them are the file's, whoever saved them; what does not fit is refused in a line."""

import json
import logging

import pytest
import torch
from safetensors.torch import load_file, save_file

from bad_hub import CLASSIFIERS, MISFITS
from emopress.checkpoint import ARCHITECTURES, DECODERS
from emopress.errors import UserError
from emopress.train.head import head_of, stated_labels
from emopress.train.published_classifier import check_linked
from emopress.train.transformer import build_transformer
from plain_entries import transformer

LABELS = ["joy", "fear", "love"]
SHAPE = {"layers": 1, "width": 8, "heads": 2, "ffn": 16, "dropout": 0.1}


def config_of(architecture):
    entry = transformer({"architecture": architecture, **SHAPE})
    with torch.device("meta"):
        model = build_transformer(
            entry, labels=LABELS, vocab_size=20, max_length=16, pad=0, pretrained=None
        )
    return model.config


def published(architecture, auto):
    """Return a model as one is published, of transformers' class `auto`, whose weights are all random."""
    torch.manual_seed(1)
    model = auto.from_config(config_of(architecture))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_()
    return model


def write(folder, config, tensors, **changes):
    """Write a folder by hand, as a stranger's code may have."""
    folder.mkdir(exist_ok=True)
    content = {**config.to_dict(), **changes}
    content = {key: value for key, value in content.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(content))
    save_file({n: v.clone().contiguous() for n, v in tensors.items()}, folder / "model.safetensors")
    return folder


def loaded(folder, labels=LABELS, *, as_is=True, given=None):
    options = {"vocab_size": 20, "max_length": 16, "pad": 0, "pretrained": folder}
    entry = transformer(labels=given) if given else transformer()
    return build_transformer(entry, labels=labels, as_is=as_is, **options).eval()


def body(model):
    return {n: v for n, v in model.base_model.state_dict().items() if "pooler" not in n}


def same_body(model, other):
    ours, theirs = body(model), body(other)
    return ours.keys() == theirs.keys() and all(torch.equal(ours[n], theirs[n]) for n in ours)


PREFIXES = ["", "_orig_mod.", "module.", "model.", "module._orig_mod.", "backbone.", "encoder."]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_base_model_by_whatever_prefix(tmp_path, architecture, prefix):
    from transformers import AutoModel

    base = published(architecture, AutoModel)
    tensors = {prefix + name: value for name, value in base.state_dict().items()}
    assert same_body(loaded(write(tmp_path / "m", base.config, tensors)), base)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_classifier_by_whatever_prefix(tmp_path, architecture, prefix):
    from transformers import AutoModelForSequenceClassification

    theirs = published(architecture, AutoModelForSequenceClassification)
    tensors = {prefix + name: value for name, value in theirs.state_dict().items()}
    found = loaded(write(tmp_path / "m", theirs.config, tensors)).state_dict()
    assert found.keys() == theirs.state_dict().keys()
    assert all(torch.equal(found[name], value) for name, value in theirs.state_dict().items())


def test_a_compiled_part_and_old_names_of_layer_norms(tmp_path):
    from transformers import AutoModel

    base = published("bert", AutoModel)
    old = {"encoder.": "encoder._orig_mod.", "Norm.weight": "Norm.gamma", "Norm.bias": "Norm.beta"}
    tensors = base.state_dict()
    for new, name in old.items():
        tensors = {key.replace(new, name): value for key, value in tensors.items()}
    tensors["embeddings.position_ids"] = torch.arange(16)[None]
    assert same_body(loaded(write(tmp_path / "m", base.config, tensors)), base)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_language_model_brings_its_body_and_the_log_says_what_is_new(
    tmp_path, architecture, caplog
):
    from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoModelForPreTraining

    kind = AutoModelForMaskedLM if architecture != "electra" else AutoModelForPreTraining
    base = published(architecture, AutoModelForCausalLM if architecture in DECODERS else kind)
    base.save_pretrained(tmp_path / "m", max_shard_size="2KB")
    assert (tmp_path / "m" / "model.safetensors.index.json").is_file()
    with caplog.at_level(logging.INFO):
        model = loaded(tmp_path / "m")
    assert same_body(model, base)
    new = next(line for line in caplog.messages if "newly initialised" in line)
    assert ("bert.pooler.dense.weight" in new) == (architecture == "bert")
    assert "classifier" in new or "score" in new


def small_bert():
    from transformers import AutoModel

    base = published("bert", AutoModel)
    return base.config.to_dict(), dict(base.state_dict())


@pytest.mark.parametrize("as_is", [True, False])
@pytest.mark.parametrize("what", MISFITS)
def test_weights_that_do_not_fit(tmp_path, what, as_is):
    change, message = MISFITS[what]
    config, tensors = small_bert()
    change(config, tensors)
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(UserError) as caught:
        loaded(tmp_path, as_is=as_is)
    assert str(caught.value) == message.replace("{path}", str(tmp_path))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_every_single_tensor_of_the_body_must_be_there_in_its_shape(tmp_path, architecture):
    from transformers import AutoModel

    base = published(architecture, AutoModel)
    for name in base.state_dict():
        if name.startswith("pooler."):
            continue
        others = {key: v for key, v in base.state_dict().items() if key != name}
        with pytest.raises(UserError, match=f"missing 1: [a-z]+.{name}"):
            loaded(write(tmp_path / "m", base.config, others))
        with pytest.raises(UserError, match=f"of another shape 1: [a-z]+.{name} "):
            loaded(write(tmp_path / "m", base.config, {**others, name: torch.ones(3, 5)}))
    with pytest.raises(UserError, match=r"surplus 1: [a-z_]+\.extra"):
        first = next(iter(base.state_dict())).split(".")[0]
        tensors = {**base.state_dict(), f"{first}.extra": torch.ones(2)}
        loaded(write(tmp_path / "m", base.config, tensors))


def test_a_head_of_a_class_of_its_own_is_not_dropped_where_nothing_is_trained(tmp_path, caplog):
    from transformers import AutoModel

    base = published("bert", AutoModel)
    tensors = {**base.state_dict(), "fc.weight": torch.ones(3, 8)}
    folder = write(tmp_path / "m", base.config, tensors)
    with pytest.raises(UserError, match=r"surplus 1: fc\.weight$"):
        loaded(folder)
    with caplog.at_level(logging.INFO):
        assert same_body(loaded(folder, as_is=False), base)
    assert "pretrained: not used (UNEXPECTED): fc.weight" in caplog.messages


def test_half_a_head_is_not_used(tmp_path):
    from transformers import AutoModelForSequenceClassification

    theirs = published("distilbert", AutoModelForSequenceClassification)
    tensors = {n: v for n, v in theirs.state_dict().items() if not n.startswith("pre_classifier")}
    folder = write(tmp_path / "m", theirs.config, tensors)
    with pytest.raises(
        UserError, match=r"missing 2: pre_classifier\.bias, pre_classifier\.weight$"
    ):
        loaded(folder)
    assert torch.equal(loaded(folder, as_is=False).classifier.weight, theirs.classifier.weight)


@pytest.mark.parametrize("classes", [["SomeClassOfTheirOwn"], None, ["BertModel"]])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_labels_in_another_order_are_brought_into_ours(tmp_path, architecture, classes):
    from transformers import AutoModelForSequenceClassification

    theirs = published(architecture, AutoModelForSequenceClassification).eval()
    names = ["love", "joy", "fear"]
    folder = write(
        tmp_path / "m",
        theirs.config,
        theirs.state_dict(),
        architectures=classes,
        id2label=dict(enumerate(names)),
        label2id={name: row for row, name in enumerate(names)},
    )
    ids = torch.randint(1, 20, (4, 9), generator=torch.manual_seed(0))
    for as_is in (True, False):
        ours = loaded(folder, as_is=as_is)
        assert list(ours.config.id2label.values()) == LABELS
        with torch.no_grad():
            there, here = (model(input_ids=ids).logits for model in (theirs, ours))
        assert torch.equal(here, there[:, [names.index(name) for name in LABELS]])


@pytest.mark.parametrize(
    ("architecture", "before", "lacking"),
    [
        ("bert", "pooler", "bert.pooler.dense"),
        ("distilbert", "pre_classifier", "pre_classifier"),
        ("electra", "classifier.dense", "classifier.dense"),
    ],
)
def test_a_head_whose_first_layer_is_missing_is_not_used_untrained(
    tmp_path, architecture, before, lacking
):
    from transformers import AutoModelForSequenceClassification

    theirs = published(architecture, AutoModelForSequenceClassification)
    kept = {name: value for name, value in theirs.state_dict().items() if before not in name}
    naming = {"id2label": dict(enumerate(LABELS)), "label2id": None}
    folder = write(tmp_path / "m", theirs.config, kept, **naming)
    with pytest.raises(UserError) as caught:
        loaded(folder)
    assert str(caught.value) == (
        f"{folder}: the weights do not fit config.json; missing 2: {lacking}.bias, {lacking}.weight"
    )
    assert same_body(loaded(folder, as_is=False), theirs)


@pytest.mark.parametrize("what", CLASSIFIERS)
def test_a_classifier_of_other_labels_is_used_only_with_a_new_head(tmp_path, what):
    from transformers import AutoModelForSequenceClassification

    names, message = CLASSIFIERS[what]
    theirs = published("bert", AutoModelForSequenceClassification)
    tensors = dict(theirs.state_dict())
    if names:
        tensors |= {
            "classifier.weight": torch.ones(len(names), 8),
            "classifier.bias": torch.ones(len(names)),
        }
    naming = {"id2label": names and dict(enumerate(names)), "label2id": None}
    folder = write(tmp_path / "m", theirs.config, tensors, **naming)
    with pytest.raises(UserError) as caught:
        loaded(folder)
    assert str(caught.value) == message.replace("{path}", str(folder))
    head = loaded(folder, as_is=False).classifier.weight
    assert head.shape == (3, 8)
    assert not any(torch.equal(row, old) for row in head for old in tensors["classifier.weight"])


def test_names_that_the_config_gives_to_a_head(tmp_path):
    from transformers import AutoModelForSequenceClassification

    theirs = published("bert", AutoModelForSequenceClassification)
    folder = write(tmp_path / "m", theirs.config, theirs.state_dict(), id2label=None, label2id=None)
    head = loaded(folder, given=["love", "joy", "fear"]).classifier.weight
    assert torch.equal(head, theirs.classifier.weight[[1, 2, 0]])
    with pytest.raises(UserError, match="`labels` of the model names 2, its weights have 3 rows"):
        loaded(folder, given=["love", "joy"])


UNNAMED = {"0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2"}
NAMED = {"0": "love", "1": "joy", "2": "fear"}
BACKWARDS = {"love": 0, "fear": 2, "joy": 1}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"id2label": NAMED}, ["love", "joy", "fear"]),
        ({"id2label": {0: "love", 1: "joy", 2: "fear"}}, ["love", "joy", "fear"]),
        ({"id2label": dict(reversed(NAMED.items()))}, ["love", "joy", "fear"]),
        ({"label2id": BACKWARDS}, ["love", "joy", "fear"]),
        ({"id2label": UNNAMED, "label2id": BACKWARDS}, ["love", "joy", "fear"]),
        ({"id2label": UNNAMED}, None),
        ({"id2label": NAMED, "label2id": BACKWARDS}, ["love", "joy", "fear"]),
        ({"id2label": NAMED, "label2id": {"love": 1, "joy": 0, "fear": 2}}, None),
        ({"id2label": ["joy", "fear"]}, None),
        ({"id2label": {"0": 0, "1": 1}}, ["0", "1"]),
        ({"id2label": {"0": "a", "2": "b"}}, None),
        ({"num_labels": 3}, None),
        ({}, None),
    ],
)
def test_the_names_of_a_config(config, expected):
    assert stated_labels(config) == expected


@pytest.mark.parametrize(
    ("theirs", "order"),
    [
        (["love", "joy", "fear"], [1, 2, 0]),
        (["Love", "JOY", " fear "], [1, 2, 0]),
        (["love", "joy", "anger"], None),
        (["love", "joy"], None),
        (["love", "joy", "Joy"], None),
    ],
)
def test_rows_by_name(theirs, order):
    config = {"id2label": {str(i): name for i, name in enumerate(theirs)}}
    assert head_of(config, len(theirs), LABELS).order == order


def test_hyphens_capitals_and_names_that_differ_in_them_alone():
    config = {"id2label": {"0": "Very_Sad", "1": "joy"}}
    assert head_of(config, 2, ["joy", "very sad"]).order == [1, 0]
    config = {"id2label": {"0": "Joy", "1": "joy"}}
    assert head_of(config, 2, ["joy", "Joy"]).order == [1, 0]
    assert head_of(config, 2, ["JOY", "joy"]).order is None


def test_a_regression_and_a_head_of_another_size_than_its_names():
    named = {"id2label": NAMED}
    assert head_of({**named, "problem_type": "regression"}, 3, LABELS).order is None
    assert head_of(named, 3, LABELS).order == [1, 2, 0]
    odd = head_of(named, 6, LABELS)
    assert odd.order is None and "6 labels; 3 are named (love, joy, fear)" in odd.why
    assert head_of({}, 1, LABELS).order is None
    assert head_of(named, None, LABELS).order is None


@pytest.mark.parametrize("architecture", DECODERS)
def test_linked_weights_are_checked_by_their_headers(tmp_path, architecture):
    """Of decoders whose files are linked into the checkpoint: the same refusals, nothing renamed."""
    from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

    language = published(architecture, AutoModelForCausalLM)
    config = config_of(architecture)

    def check(tensors, labels=LABELS, **changes):
        folder = write(tmp_path / "m", language.config, tensors, **changes)
        return check_linked(folder, config, given=None, labels=labels)

    whole = {n: v for n, v in language.state_dict().items() if n != "lm_head.weight"}
    assert check(whole) is None
    assert check({n.removeprefix("model."): v for n, v in whole.items()}) is None
    assert check({**whole, "lm_head.weight": torch.ones(20, 8)}) is None
    assert check({**whole, "model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(2)}) is None
    first = "model.layers.0.mlp.up_proj.weight"
    with pytest.raises(UserError, match=f"missing 1: {first}$"):
        check({n: v for n, v in whole.items() if n != first})
    with pytest.raises(UserError, match=rf"of another shape 1: {first} \[2, 2\] for \[16, 8\]$"):
        check({**whole, first: torch.ones(2, 2)})
    with pytest.raises(UserError, match=r"surplus 9: model\.layers\.1"):
        more = {n.replace("layers.0", "layers.1"): v for n, v in whole.items() if "layers.0" in n}
        check({**whole, **more})
    with pytest.raises(UserError, match="missing "):
        check({f"_orig_mod.{n}": v for n, v in whole.items()})
    theirs = published(architecture, AutoModelForSequenceClassification)
    head = check(theirs.state_dict(), id2label=NAMED, label2id=BACKWARDS)
    assert torch.equal(head, theirs.score.weight[[1, 2, 0]])
    with pytest.raises(UserError, match=r"a classifier of 3 labels \(joy, fear, love\)"):
        check(theirs.state_dict(), labels=["a", "b", "c"])


def test_a_folder_saved_and_loaded_again_is_the_same_model(tmp_path):
    from transformers import AutoModelForSequenceClassification

    theirs = published("bert", AutoModelForSequenceClassification)
    model = loaded(write(tmp_path / "m", theirs.config, theirs.state_dict()))
    model.save_pretrained(tmp_path / "out")
    again = load_file(tmp_path / "out" / "model.safetensors")
    assert all(torch.equal(value, again[name]) for name, value in model.state_dict().items())
