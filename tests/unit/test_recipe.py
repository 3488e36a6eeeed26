"""The recipe grammar: names, parents, families, and chains that cannot be made."""

import pytest

from emopress.recipe import Recipe, family, parent, parse, prefixes, problems, reference_of

MODELS = {
    "big": {"family": "transformer"},
    "small": {"family": "transformer"},
    "svm": {"family": "linear"},
}
PASSES = {
    "kd": {"kind": "distill", "student": "small"},
    "mag": {"kind": "prune", "method": "magnitude"},
    "int8": {"kind": "quantize", "method": "static"},
    "int8d": {"kind": "quantize", "method": "dynamic"},
    "w8": {"kind": "quantize", "method": "weight-only"},
}


def found(variant):
    return problems(variant, MODELS, PASSES)


def test_parts_of_a_name():
    assert parse("big+kd+int8") == Recipe("big", ("kd", "int8"))
    assert parse("big") == Recipe("big", ())
    assert parent("big+kd+int8") == "big+kd"
    assert prefixes("big+kd+int8") == ["big", "big+kd", "big+kd+int8"]


LEGAL = """
    big svm big+kd svm+kd big+mag+mag big+mag+kd big+kd+kd big+int8 big+int8d svm+w8
    big+kd+mag+int8 svm+kd+mag+int8
"""


@pytest.mark.parametrize("variant", LEGAL.split())
def test_legal(variant):
    assert found(variant) == []


ILLEGAL = {
    "big+int8+mag": ["'mag' (prune) cannot follow 'int8' (quantize)", "quantize comes last"],
    "big+int8+kd": ["'kd' (distill) cannot follow 'int8'"],
    "big+int8+int8d": ["'int8d' (quantize) cannot follow 'int8'"],
    "svm+w8+w8": ["'w8' (quantize) cannot follow 'w8'"],
    "big+w8": ["'w8' (quantize) cannot be applied to 'big', a transformer model", "linear"],
    "svm+kd+w8": ["'w8' (quantize) cannot be applied to 'svm+kd', a transformer model"],
    "svm+mag": ["'mag' (prune) cannot be applied to 'svm', a linear model", "takes: transformer"],
    "svm+int8": ["'int8' (quantize) cannot be applied to 'svm', a linear model"],
    "huge": ["unknown model 'huge'; models are: big, small, svm"],
    "big+qat": ["unknown pass 'qat'; passes are: kd, mag, int8, int8d, w8"],
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


def test_a_distillation_changes_the_family():
    assert family("svm", MODELS, PASSES) == "linear"
    assert family("svm+kd", MODELS, PASSES) == "transformer"
    assert family("svm+kd+mag", MODELS, PASSES) == "transformer"


def test_reference():
    siblings = ["svm", "small", "big", "big+kd"]
    assert reference_of("big+kd+int8", siblings, MODELS, None) == "big"
    assert reference_of("svm+w8", siblings, MODELS, None) == "small"
    assert reference_of("svm+kd", siblings, MODELS, None) == "small"
    assert reference_of("svm+w8", ["svm"], MODELS, None) == "svm"
    assert reference_of("big+kd", siblings, MODELS, "svm") == "svm"
