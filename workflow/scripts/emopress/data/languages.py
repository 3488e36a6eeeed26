"""Language tags (BCP 47): their form, the language's name, and how its texts are normalised by default."""

import re

from emopress.errors import nearest

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
# Three-letter codes (ISO 639-2) of languages that have two letters, which alone are their tags (RFC 5646, 2.2.1).
_CODES = """
    af=afr am=amh ar=ara as=asm az=aze be=bel bg=bul bn=ben bo=bod bs=bos ca=cat cs=ces cs=cze cy=cym da=dan
    de=deu de=ger dz=dzo el=ell en=eng eo=epo es=spa et=est eu=eus fa=fas fa=per fi=fin fr=fra fr=fre ga=gle gl=glg
    gu=guj ha=hau he=heb hi=hin hr=hrv hu=hun hy=hye id=ind ig=ibo is=isl it=ita ja=jpn jv=jav ka=kat kk=kaz km=khm
    kn=kan ko=kor lo=lao lt=lit lv=lav mk=mkd ml=mal mn=mon mr=mar ms=msa mt=mlt my=mya nb=nob ne=nep nl=dut nl=nld
    nn=nno no=nor or=ori pa=pan pl=pol ps=pus pt=por ro=ron ru=rus rw=kin sa=san sd=snd si=sin sk=slk sl=slv so=som
    sq=sqi sr=srp su=sun sv=swe sw=swa ta=tam te=tel th=tha tl=tgl tr=tur uk=ukr ur=urd uz=uzb vi=vie xh=xho yo=yor
    zh=chi zh=zho zu=zul
"""
_THREE_LETTERS = {code: tag for tag, code in (pair.split("=") for pair in _CODES.split())}


def primary_language(tag: str) -> str:
    """Return the language of a tag, in lower case: pt of pt-BR, zh of zh-Hant."""
    return tag.split("-")[0].lower()


def language_fault(tag: str) -> str | None:
    """Return in a few words why a text is not a language tag, None if it has the form of one.

    A code of three letters where a language has two (`ben`) is refused too: nothing here would know it.
    """
    dashed = tag.strip().replace("_", "-")
    short = _THREE_LETTERS.get(primary_language(dashed))
    if _TAG.fullmatch(tag) and not short:
        return None
    dashed = f"{short}{dashed[3:]}" if short else dashed
    by_name = {name: code for code, name in NAMES.items()}
    name = nearest(tag, by_name, least=0.8)
    meant = dashed if _TAG.fullmatch(dashed) else by_name[name] if name else ""
    hint = f"; write {meant}" if meant else ""
    return f"{tag!r} is not a language tag{hint} (BCP 47: en, pt-BR, zh-Hant, yue)"


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
    """Return how texts of a language are normalised by default (`data.normalise.METHODS`)."""
    return "bengali" if primary_language(tag) == "bn" else "none"
