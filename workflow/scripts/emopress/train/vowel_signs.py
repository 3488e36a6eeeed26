"""Which languages are written with marks that a tokenizer must not treat as accents."""

VOWEL_SIGNS = "কি কু কৃ ক্ষ"  # lose their marks where a tokenizer strips accents
# Languages and scripts whose vowels, or voiced syllables, are marks beside a letter, which NFD sets apart from it.
LANGUAGES = {
    "as", "awa", "bho", "bn", "bo", "brx", "doi", "dz", "gu", "hi", "ja", "km", "kn", "kok", "lo", "mag",
    "mai", "ml", "mni", "mr", "my", "ne", "new", "or", "pa", "sa", "si", "syl", "ta", "te", "th",
}  # fmt: skip
SCRIPTS = {
    "beng", "deva", "gujr", "guru", "hira", "jpan", "kana", "khmr", "knda", "laoo", "mlym", "mymr", "orya",
    "sinh", "sylo", "taml", "telu", "thai", "tibt",
}  # fmt: skip


def has_vowel_signs(tag: str) -> bool:
    """Return whether a language, by its tag, is written with vowel signs: by the tag's script where it has one."""
    language, *parts = tag.lower().split("-")
    scripts = [part for part in parts if len(part) == 4 and part.isalpha()]
    return scripts[0] in SCRIPTS if scripts else language in LANGUAGES
