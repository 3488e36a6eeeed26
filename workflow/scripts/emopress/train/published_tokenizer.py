"""Reads a published tokenizer, so that texts get the tokens that transformers' AutoTokenizer gives them."""

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer
from tokenizers.normalizers import BertNormalizer

from emopress.artifact import read_json
from emopress.errors import UserError, kind_and_text
from emopress.train.vowel_signs import VOWEL_SIGNS

if TYPE_CHECKING:
    from emopress.entries.tokenizer import Tokenizer as TokenizerEntry

FILE, VOCABULARY, SETTINGS = "tokenizer.json", "vocab.txt", "tokenizer_config.json"
# What a class of transformers and a tokenizer.json are compared on, in addition to the training texts.
PROBES = (
    "The Garden", "CAFÉ naïve Ångström", "it's 10:30, isn't it?", "中文 and にほん", "a  b\tc\nd",
    VOWEL_SIGNS, "আমি খুব খুশি হয়েছি।", "👍🏽 :)", "[MASK] <mask> </s>",
)  # fmt: skip
COMPARED_TEXTS = 1000
SPECIAL = ("pad", "unk", "cls", "sep", "mask")


def read_tokenizer(
    folder: Path, spec: "TokenizerEntry | None" = None, texts: Sequence[str] = ()
) -> Tokenizer:
    """Return the tokenizer of a published folder, without padding and truncation.

    It is the one that AutoTokenizer makes of the folder's files, `lowercase` and `strip_accents` of the config
    entry `spec` put in. Where there is a tokenizer.json, AutoTokenizer may build another tokenizer than
    that file says, by the defaults of `tokenizer_class`: then both must give PROBES and the first of `texts`
    the same tokens, unless `spec.as_stored` says which one holds (true: the file). A vocab.txt with no
    config.json and no tokenizer_class, of which AutoTokenizer knows nothing, is BERT's; it keeps capitals
    unless do_lower_case or `lowercase` says otherwise. UserError of one line for what cannot be read.
    """
    as_stored = spec.as_stored if spec else None
    stored = _stored(folder)
    if stored is None and not (folder / VOCABULARY).is_file():
        raise UserError(f"{folder}: holds neither {FILE} nor {VOCABULARY}")
    if stored is not None and as_stored:
        return _changed(stored, spec, folder)
    if stored is None and as_stored:
        raise UserError(f"{folder}: as_stored: true, and there is no {FILE}")
    made = _changed(_by_transformers(folder), spec, folder)
    if stored is None or as_stored is False:
        return made
    stored = _changed(stored, spec, folder)
    for text in [*PROBES, *texts[:COMPARED_TEXTS]]:
        (here, shown), (there, other) = (_cut(one, text) for one in (stored, made))
        if here != there:
            raise UserError(
                f"{folder}: {FILE} and transformers {version('transformers')} (AutoTokenizer) cut {text[:40]!r} "
                f"differently: {shown} | {other}; say under `tokenizer` of the model which "
                "holds: as_stored: true (the file) or false"
            )
    return made


def _stored(folder: Path) -> Tokenizer | None:
    if not (folder / FILE).is_file():
        return None
    try:
        return _bare(Tokenizer.from_file(str(folder / FILE)))
    except Exception as error:  # the library raises Exception itself
        raise UserError(
            f"{folder / FILE}: no tokenizer can be read of it ({kind_and_text(error, 160)})"
        ) from None


def _bare(tokenizer: Tokenizer) -> Tokenizer:
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _by_transformers(folder: Path) -> Tokenizer:
    """Return the tokenizers object inside what transformers makes of a folder."""
    from transformers import AutoTokenizer, BertTokenizer

    settings = read_json(folder / SETTINGS) if (folder / SETTINGS).is_file() else {}
    unknown = not (folder / "config.json").is_file() and "tokenizer_class" not in settings
    kind: Any = AutoTokenizer
    more = {}
    if unknown and not (folder / FILE).is_file():
        kind, more = BertTokenizer, {"do_lower_case": settings.get("do_lower_case", False)}
    try:
        loaded = kind.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False, **more
        )
    except Exception as error:  # classes of many kinds raise as many kinds, and none is swallowed
        raise UserError(
            f"{folder}: transformers {version('transformers')} makes no tokenizer of it ({kind_and_text(error, 160)})"
        ) from None
    backend = getattr(loaded, "backend_tokenizer", None)
    if not isinstance(backend, Tokenizer):
        raise UserError(
            f"{folder}: a {type(loaded).__name__}, which has no {FILE} that the runtime could read"
        )
    _check_vocabulary(folder, loaded, backend)
    return _bare(Tokenizer.from_str(backend.to_str()))


def _check_vocabulary(folder: Path, loaded: Any, backend: Tokenizer) -> None:
    """Raise UserError for a vocab.txt that the class does not read, or without the class's special tokens."""
    if (folder / FILE).is_file():
        return
    path = folder / VOCABULARY
    listed = {line.strip() for line in path.read_text(encoding="utf-8").split("\n")} - {""}
    unread = [word for word in listed if backend.token_to_id(word) is None]
    if unread:
        raise UserError(
            f"{path}: not the vocabulary of a {type(loaded).__name__}; entries are not read"
        )
    added = folder / "added_tokens.json"
    listed |= set(read_json(added)) if added.is_file() else set()
    roles = [loaded.special_tokens_map.get(f"{role}_token") for role in SPECIAL]
    absent = sorted({token for token in roles if token} - listed)
    if absent:
        raise UserError(f"{path}: no entry {', '.join(absent)}; not a BERT vocabulary")


def _changed(tokenizer: Tokenizer, spec: "TokenizerEntry | None", folder: Path) -> Tokenizer:
    """Return the tokenizer with the normaliser settings that the config overrides."""
    if spec is None or (spec.lowercase is None and spec.strip_accents is None):
        return tokenizer
    given = {"lowercase": spec.lowercase, "strip_accents": spec.strip_accents}
    overrides = {key: value for key, value in given.items() if value is not None}
    normalizer = json.loads(tokenizer.to_str())["normalizer"] or {}
    if normalizer.get("type") != "BertNormalizer":
        kind = normalizer.get("type", "none")
        raise UserError(
            f"{folder}: tokenizer.{next(iter(overrides))} is for a BertNormalizer, which this tokenizer does not have "
            f"({kind}); leave it out"
        )
    options = {key: value for key, value in normalizer.items() if key != "type"}
    tokenizer.normalizer = BertNormalizer(**{**options, **overrides})
    return tokenizer


def _cut(tokenizer: Tokenizer, text: str) -> tuple[list[int] | None, str]:
    """Return the ids of a text, None where the tokenizer fails, and its tokens (or why) to be shown."""
    try:
        encoding = tokenizer.encode(text)
    except (
        Exception
    ) as error:  # the library raises Exception itself: no entry for unknown words, say
        return None, kind_and_text(error)[:80]
    return encoding.ids, " ".join(encoding.tokens)[:80]
