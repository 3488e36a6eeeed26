"""Languages: tags by their form, names, the scripts whose marks must stay, the usual normalisation."""

import pytest

from emopress.data.languages import (
    hub_language,
    language_fault,
    language_name,
    primary_language,
    usual_normalisation,
)
from emopress.train.vowel_signs import has_vowel_signs

TAGS = """
bn en yue pt-BR zh-Hant zh-Hant-TW sr-Latn-RS es-419 de-CH-1996 sl-rozaj-biske zh-min-nan BN en-Latn-IN hy-arevela
de-u-co-phonebk en-x-twitter x-klingon und mul
"""


@pytest.mark.parametrize("tag", TAGS.split())
def test_tags(tag):
    assert language_fault(tag) is None


@pytest.mark.parametrize(
    ("tag", "hint"),
    [
        ("English", "; write en"),
        ("bengali", "; write bn"),
        ("Portugese", "; write pt"),
        ("pt_BR", "; write pt-BR"),
        ("ben", "; write bn"),
        ("hin-Deva-IN", "; write hi-Deva-IN"),
        ("ENG", "; write en"),
        ("deu_DE", "; write de-DE"),
        ("en ", "; write en"),
        ("", ""),
        ("e", ""),
        ("en-", ""),
        ("-en", ""),
        ("en--US", ""),
        ("en-toolongatag", ""),
        ("বাংলা", ""),
        ("en\n", "; write en"),
        ("klingonese", ""),
    ],
)
def test_what_is_no_tag(tag, hint):
    assert (
        language_fault(tag)
        == f"{tag!r} is not a language tag{hint} (BCP 47: en, pt-BR, zh-Hant, yue)"
    )


def test_names():
    assert language_name("bn") == "Bengali" and language_name("EN") == "English"
    assert language_name("pt-BR") == "Portuguese (pt-BR)"
    assert language_name("tlh-Latn") == "tlh-Latn" and language_name("") == ""


def test_the_hub_takes_the_language_alone():
    found = [hub_language(tag) for tag in ("bn", "zh-Hant", "YUE", "mul", "und", "x-chat", "")]
    assert found == ["bn", "zh", "yue", "multilingual", None, None, None]
    assert primary_language("PT-BR") == "pt"


def test_scripts_with_vowel_signs():
    with_signs = ["bn", "BN-bd", "hi", "ta-LK", "th", "my", "ja", "en-Deva", "x-a-Beng"]
    without = ["en", "de", "vi", "zh-Hant", "ru", "ar", "hi-Latn", "bn-Latn-BD", "tlh"]
    assert all(map(has_vowel_signs, with_signs))
    assert not any(map(has_vowel_signs, without))


def test_normalisation():
    assert [usual_normalisation(t) for t in ("bn", "bn-BD", "BN", "hi", "as", "en")] == [
        "bengali", "bengali", "bengali", "none", "none", "none"
    ]  # fmt: skip
