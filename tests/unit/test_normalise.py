"""Normalisation: examples of each rule, and that normalising twice is normalising once."""

import random
import subprocess
import sys
import unicodedata

import pytest

from emopress.errors import UserError
from emopress.runtime.normalise import normalise_text

YA_NUKTA, DDA_NUKTA, DDHA_NUKTA = "\u09af\u09bc", "\u09a1\u09bc", "\u09a2\u09bc"

EXAMPLES = {
    "white space": ("  আমি \u00a0\n\tভালো ", "আমি ভালো"),
    "single quotes": ("\u2018a\u2019 `b\u00b4 \u201ac\u201b", "'a' 'b' 'c'"),
    "double quotes": ("\u201ca\u201d \u00abb\u00bb \u300cc\u300d", '"a" "b" "c"'),
    "Latin letters": ("caf\u00e9 \u00d8re \u0141\u00f3d\u017a \u1ea4n", "cafe Ore Lodz An"),
    "decomposed Latin letters": ("cafe\u0301", "cafe"),
    "invisible characters": ("আ\u200bম\u00adি\u2060\ufeff\x07", "আমি"),
    "joiners stay": ("র\u200d্য ক্\u200cষ", "র\u200d্য ক্\u200cষ"),
    "YYA, RRA, RHA as NFKC leaves them": (
        f"\u09df\u09dc\u09dd {YA_NUKTA}{DDA_NUKTA}{DDHA_NUKTA}",
        f"{YA_NUKTA}{DDA_NUKTA}{DDHA_NUKTA} {YA_NUKTA}{DDA_NUKTA}{DDHA_NUKTA}",
    ),
    "BA with nukta": ("\u09ac\u09bcাত", "\u09b0াত"),
    "BA with hidden nukta": ("\u09ac\u200b\u09bcাত", "\u09b0াত"),
    "A with AA-sign": ("\u0985\u09beমি", "\u0986মি"),
    "O-sign in two": ("ক\u09c7\u09be", "ক\u09cb"),
    "AU-sign in two": ("ক\u09c7\u09d7", "ক\u09cc"),
    "O-sign around candrabindu": ("ক\u09c7\u0981\u09be", "ক\u09cb\u0981"),
    "AU-sign around candrabindu": ("ক\u09c7\u0981\u09d7", "ক\u09cc\u0981"),
    "danda": ("আমি\u09f7", "আমি\u0964"),
    "dashes": ("a\u2013b\u2014c\u2501d", "a-b - c-d"),
    "ellipsis": ("তাই\u2026", "তাই..."),
    "full-width and CJK": ("\uff01\uff1f\uff08\uff11\uff09\u3001\u3010a\u3011", "!?(1),[a]"),
    "emoji stay": ("\u2764\ufe0f \U0001f602", "\u2764\ufe0f \U0001f602"),
}


@pytest.mark.parametrize("rule", EXAMPLES)
def test_bengali_rule(rule):
    text, expected = EXAMPLES[rule]
    assert ascii(normalise_text(text, "bengali")) == ascii(expected)


def test_none_only_collapses_white_space():
    assert (
        normalise_text(" caf\u00e9 \u201cA\u201d\u00a0\n b ", "none") == "caf\u00e9 \u201cA\u201d b"
    )


def test_unknown_method_names_the_allowed_ones():
    with pytest.raises(UserError, match="unknown method 'bangla'; allowed: none, bengali"):
        normalise_text("আমি", "bangla")


def test_vowel_signs_survive():
    word = "".join(
        chr(code) for code in range(0x0981, 0x09E4) if unicodedata.category(chr(code)) == "Mc"
    )
    text = " ".join("ক" + sign for sign in word if sign != "\u09d7")
    assert normalise_text(text, "bengali") == text


@pytest.mark.parametrize("method", ["none", "bengali"])
def test_twice_is_once(method):
    generator = random.Random(7)
    pool = [
        chr(code) for code in (*range(0x0980, 0x0A00), *range(0x20, 0x250), *range(0x1E00, 0x2070))
    ]
    pool += list(
        "\u3001\u3008\u300d\uff02\uff40\ufe58\ufe41\uff21\u2764\ufe0f\U0001f602\u2033\u0301\u0327"
    )
    pool += ["\u09c7", "\u09be", "\u09d7", "\u0981", "\u09bc", "\u09ac", "\u0985", "\u200b"] * 20
    for _ in range(5000):
        text = "".join(generator.choices(pool, k=generator.randint(1, 30)))
        once = normalise_text(text, method)
        assert normalise_text(once, method) == once, ascii(text)


def test_it_imports_the_standard_library_only():
    """Prediction ships this module, so it must not pull in pandas or the like."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); import emopress.runtime.normalise; "
        "print(sorted({name.split('.')[0] for name in sys.modules} & "
        "{'numpy', 'pandas', 'torch', 'regex', 'requests'}))"
    )
    import emopress

    folder = str(__import__("pathlib").Path(emopress.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", program, folder], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
