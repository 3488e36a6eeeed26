"""The recipe grammar: names, parents, families, and chains that cannot be made."""

import pytest

from emopress.recipe import (
    Recipe,
    family,
    parent,
    parse,
    problems,
    reference_of,
    search_candidates,
    sort_of,
)

MODELS = {
    "big": {"family": "transformer"},
    "small": {"family": "transformer"},
    "svm": {"family": "linear"},
    "glove": {"family": "dense"},
}
PASSES = {
    "kd": {"kind": "distill", "student": "small"},
    "mag": {"kind": "prune", "method": "magnitude"},
    "int8": {"kind": "quantize", "method": "static"},
    "int8d": {"kind": "quantize", "method": "dynamic"},
    "q4": {"kind": "quantize", "method": "affine", "bits": 4},
    "w8": {"kind": "quantize", "method": "weight-only"},
    "trim": {"kind": "trim"},
    "cut": {"kind": "prune", "method": "structured"},
    "svd": {"kind": "low-rank", "rank": 8},
    "kd3": {"kind": "distill", "layers": [0]},
    "hidden": {"kind": "distill", "student": "small", "hidden_weight": 1.0},
    "q8": {"kind": "qat"},
    "int4": {"kind": "quantize", "method": "int4"},
    "ov": {"kind": "openvino", "precision": "int8"},
    "pack": {"kind": "pack"},
    "auto": {"kind": "search", "passes": ["trim", "cut", "int8"], "max_passes": 2},
}


def found(variant):
    return problems(variant, MODELS, PASSES)


def test_parts_of_a_name():
    assert parse("big+kd+int8") == Recipe("big", ("kd", "int8"))
    assert parse("big") == Recipe("big", ())
    assert parent("big+kd+int8") == "big+kd"


LEGAL = """
    glove glove+q4 glove+kd glove+kd+mag+int8
    big svm big+kd svm+kd big+mag+mag big+mag+kd big+kd+kd big+int8 big+int8d svm+w8
    big+kd+mag+int8 svm+kd+mag+int8
    big+trim+kd3+cut+svd+mag+int8+pack big+cut+trim+q8 big+mag+pack big+mag+int8+pack big+svd+q8
    big+cut+cut big+svd+trim+mag big+hidden+int4 big+mag+hidden svm+kd+ov big+mag+kd+q8 big+trim+auto big+auto
"""


@pytest.mark.parametrize("variant", LEGAL.split())
def test_legal(variant):
    assert found(variant) == []


ILLEGAL = {
    "big+int8+mag": [
        "'mag' (prune magnitude) cannot follow 'int8' (quantize static)",
        "that leaves a quantized bundle, this reads a checkpoint",
    ],
    "big+int8+kd": ["'kd' (distill) cannot follow 'int8'", "this reads a fp32 bundle"],
    "big+int8+int8d": ["'int8d' (quantize dynamic) cannot follow 'int8'"],
    "svm+w8+w8": ["'w8' (quantize weight-only) cannot follow 'w8'"],
    "big+w8": ["(quantize weight-only) cannot be applied to 'big', a transformer model", "linear"],
    "svm+kd+w8": ["'w8' (quantize weight-only) cannot be applied to 'svm+kd', a transformer model"],
    "svm+mag": ["(prune magnitude) cannot be applied to 'svm', a linear model", "takes: transfor"],
    "svm+int8": ["'int8' (quantize static) cannot be applied to 'svm', a linear model"],
    "big+q4": ["(quantize affine) cannot be applied to 'big', a transformer model", "takes: dense"],
    "svm+q4": ["(quantize affine) cannot be applied to 'svm', a linear model"],
    "glove+kd+q4": ["(quantize affine) cannot be applied to 'glove+kd', a transformer model"],
    "glove+q4+q4": ["'q4' (quantize affine) cannot follow 'q4'"],
    "glove+w8": ["(quantize weight-only) cannot be applied to 'glove', a dense model", "linear"],
    "glove+int8": ["'int8' (quantize static) cannot be applied to 'glove', a dense model"],
    "glove+mag": ["(prune magnitude) cannot be applied to 'glove', a dense model"],
    "glove+trim": ["'trim' (trim) cannot be applied to 'glove', a dense model"],
    "glove+kd3": ["(distill layers) cannot be applied to 'glove', a dense model"],
    "svm+kd3": ["(distill layers) cannot be applied to 'svm', a linear model"],
    "svm+hidden": ["cannot be applied to 'svm', a linear model"],
    "svm+trim": ["'trim' (trim) cannot be applied to 'svm', a linear model"],
    "big+q8+trim": ["'trim' (trim) cannot follow 'q8' (qat)", "leaves a quantized bundle"],
    "big+q8+int8": ["'int8' (quantize static) cannot follow 'q8' (qat)"],
    "big+mag+cut": ["'cut' (prune structured) cannot come after 'mag' (prune magnitude)", "zeros"],
    "big+mag+kd3": ["cannot come after 'mag' (prune magnitude)", "fill the zeros"],
    "big+trim+hidden": ["'hidden' (distill hidden) cannot come after 'trim' (trim)", "vocabulary"],
    "big+svd+cut": ["'cut' (prune structured) cannot come after 'svd' (low-rank)"],
    "big+svd+svd": ["'svd' (low-rank) cannot come after 'svd' (low-rank)"],
    "big+mag+trim+q8": ["'q8' (qat) cannot come after 'mag' (prune magnitude)"],
    "big+pack": ["'pack' (pack) cannot be applied to 'big': it needs a prune magnitude pass"],
    "big+mag+kd+pack": ["'pack' (pack) cannot be applied to 'big+mag+kd'"],
    "big+int4+pack": ["'pack' (pack) cannot follow 'int4' (quantize int4)", "final bundle"],
    "big+mag+ov+pack": ["'pack' (pack) cannot follow 'ov' (openvino)"],
    "big+auto+int8": ["'int8' (quantize static) cannot follow 'auto' (search)"],
    "huge": ["unknown model 'huge'; allowed: big, small, svm, glove"],
    "big+qat": ["unknown pass 'qat'; allowed: kd, mag, int8, int8d, q4, w8, trim"],
    "big+small": ["unknown pass 'small'"],
    "kd": ["unknown model 'kd'"],
    "big+": ["unknown pass ''"],
    "": ["unknown model ''"],
}


@pytest.mark.parametrize("variant", ILLEGAL)
def test_illegal(variant):
    lines = found(variant)
    assert len(lines) == 1 and "\n" not in lines[0]
    for part in ILLEGAL[variant]:
        assert part in lines[0]


def test_every_unknown_name_is_listed():
    assert len(found("huge+qat+nf4")) == 3


def test_a_search_tries_every_legal_order_and_no_other():
    tried = search_candidates("big", PASSES["auto"], MODELS, PASSES)
    assert tried == [
        *("big+trim", "big+cut", "big+int8"),
        *("big+trim+cut", "big+trim+int8", "big+cut+trim", "big+cut+int8"),
    ]


def test_the_sort_of_a_distillation_hangs_on_what_it_reads():
    assert sort_of({"kind": "distill", "student": "small", "hidden_weight": 0}) == "distill"
    for key in ("hidden_weight", "attention_weight", "cosine_weight"):
        assert sort_of({"kind": "distill", "student": "small", key: 0.1}) == "distill hidden"
    assert sort_of(PASSES["kd3"]) == "distill layers"
    with pytest.raises(ValueError, match="'distil'"):
        sort_of({"kind": "distil"})


def test_a_distillation_changes_the_family():
    assert family("svm", MODELS, PASSES) == "linear"
    assert family("svm+kd", MODELS, PASSES) == "transformer"
    assert family("svm+kd+mag", MODELS, PASSES) == "transformer"


def test_reference():
    siblings = ["svm", "small", "big", "big+kd"]
    assert reference_of("big+kd+int8", siblings, MODELS, None) == "big"
    assert reference_of("svm+w8", siblings, MODELS, None) == "small"
    assert reference_of("svm+kd", siblings, MODELS, None) == "small"
    assert reference_of("glove+q4", siblings, MODELS, None) == "small"
    assert reference_of("glove+q4", ["svm", "glove"], MODELS, None) == "glove"
    assert reference_of("svm+w8", ["svm"], MODELS, None) == "svm"
    assert reference_of("big+kd", siblings, MODELS, "svm") == "svm"
