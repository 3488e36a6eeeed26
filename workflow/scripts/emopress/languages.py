"""What a language's tag (BCP 47) tells: whether it is one, the language's name, and how it is written."""

import difflib
import re

_SUBTAGS = r"""
    [a-z]{2,3}(-[a-z]{3}){0,3}           # language, by ISO 639, and extensions of it
    (-[a-z]{4})?                         # script
    (-([a-z]{2}|[0-9]{3}))?              # region
    (-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))* # variants
    (-[0-9a-wy-z](-[a-z0-9]{2,8})+)*     # extensions
    (-x(-[a-z0-9]{1,8})+)?               # private use
    | x(-[a-z0-9]{1,8})+
"""
_TAG = re.compile(_SUBTAGS, re.VERBOSE | re.IGNORECASE)  # RFC 5646, section 2.1
NAMES = {
    "af": "Afrikaans", "am": "Amharic", "ar": "Arabic", "as": "Assamese", "az": "Azerbaijani",
    "be": "Belarusian", "bg": "Bulgarian", "bn": "Bengali", "bs": "Bosnian", "ca": "Catalan",
    "cs": "Czech", "cy": "Welsh", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "eo": "Esperanto", "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian",
    "fi": "Finnish", "fil": "Filipino", "fr": "French", "ga": "Irish", "gl": "Galician",
    "gu": "Gujarati", "ha": "Hausa", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian",
    "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian", "ig": "Igbo", "is": "Icelandic",
    "it": "Italian", "ja": "Japanese", "jv": "Javanese", "ka": "Georgian", "kk": "Kazakh",
    "km": "Khmer", "kn": "Kannada", "ko": "Korean", "lo": "Lao", "lt": "Lithuanian",
    "lv": "Latvian", "mk": "Macedonian", "ml": "Malayalam", "mn": "Mongolian", "mr": "Marathi",
    "ms": "Malay", "mt": "Maltese", "mul": "several languages", "my": "Burmese", "nb": "Norwegian",
    "ne": "Nepali", "nl": "Dutch", "nn": "Norwegian Nynorsk", "no": "Norwegian", "or": "Odia",
    "pa": "Punjabi", "pcm": "Nigerian Pidgin", "pl": "Polish", "ps": "Pashto", "pt": "Portuguese",
    "ro": "Romanian", "ru": "Russian", "rw": "Kinyarwanda", "sd": "Sindhi", "si": "Sinhala",
    "sk": "Slovak", "sl": "Slovenian", "so": "Somali", "sq": "Albanian", "sr": "Serbian",
    "su": "Sundanese", "sv": "Swedish", "sw": "Swahili", "ta": "Tamil", "te": "Telugu",
    "th": "Thai", "tl": "Tagalog", "tr": "Turkish", "uk": "Ukrainian", "ur": "Urdu",
    "uz": "Uzbek", "vi": "Vietnamese", "xh": "Xhosa", "yo": "Yoruba", "yue": "Cantonese",
    "zh": "Chinese", "zu": "Zulu",
}  # fmt: skip


def primary_language(tag: str) -> str:
    """Return the language of a tag, in lower case: pt of pt-BR, zh of zh-Hant."""
    return tag.split("-")[0].lower()


def language_fault(tag: str) -> str | None:
    """Return in a few words why a text is no language tag (by its form), None if it is one."""
    if _TAG.fullmatch(tag):
        return None
    dashed = tag.strip().replace("_", "-")
    by_name = {name.casefold(): code for code, name in NAMES.items()}
    close = difflib.get_close_matches(tag.strip().casefold(), by_name, n=1, cutoff=0.8)
    meant = dashed if _TAG.fullmatch(dashed) else by_name[close[0]] if close else ""
    hint = f"; write {meant}" if meant else ""
    return f"{tag!r} is no language tag{hint} (BCP 47: en, pt-BR, zh-Hant, yue)"


def language_name(tag: str) -> str:
    """Return a language's name, with the tag where that says more; the tag where the name is not known here."""
    name = NAMES.get(primary_language(tag))
    if name is None:
        return tag
    return name if "-" not in tag else f"{name} ({tag})"


def hub_language(tag: str) -> str | None:
    """Return what a model card on the hub calls a language, its ISO 639 code; None where the tag has none."""
    code = primary_language(tag)
    return "multilingual" if code == "mul" else None if code in ("", "x", "und", "zxx") else code


def usual_normalisation(tag: str) -> str:
    """Return how texts of a language are normalised where the config does not say (`data.normalise.METHODS`)."""
    return "bengali" if primary_language(tag) == "bn" else "none"
