"""Smaller vocabularies: which entries of a tokenizer.json to keep, and the file without the others.

`spec` is always the parsed JSON of a live tokenizer (`json.loads(tokenizer.to_str())`), in which
every id is the one that the tokenizer gives out. Why a kept subset gives the same tokens:
  WordPiece  takes the longest entry that matches, so dropping entries that never matched changes
             nothing, as long as those are kept that matched in words which then failed
             (`greedy_path`); else a shorter start could lead a failing word to its end.
  BPE        applies the first merge of its list that fits, so dropping merges that were never
             applied changes nothing; all merges that lead to a kept entry are kept.
  Unigram    takes the path of highest score, and the best of many is the best of fewer. Characters
             without an entry score ten less than the lowest score, whose entry is kept.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import Any

from emopress.errors import UserError

Spec = dict[str, Any]
MODELS = ("WordPiece", "BPE", "Unigram")
SPECIALS = (
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *("<pad>", "<unk>", "<s>", "</s>", "<mask>"),
)
METASPACE = "▁"  # stands for a space in Unigram and SentencePiece BPE vocabularies
RARE = 0.001  # share of the letters below which a script is a stray quotation
BYTE = re.compile(r"<0x[0-9A-F]{2}>")


def check_model(spec: Spec, where: str) -> None:
    """Raise UserError, naming `where`, unless this tokenizer's vocabulary can be trimmed."""
    model = spec["model"]
    if model["type"] not in MODELS:
        raise UserError(
            f"{where}: a {model['type']} tokenizer; trim takes {', '.join(MODELS)} tokenizers"
        )
    if model.get("dropout"):
        raise UserError(
            f"{where}: merges are dropped at random (dropout: {model['dropout']}); "
            "trim takes tokenizers that give a text the same tokens every time (dropout: null)"
        )


def model_entries(spec: Spec) -> list[tuple[str, int]]:
    """Return the (entry, id) pairs of the tokenizer's model in order of id."""
    vocabulary = spec["model"]["vocab"]
    if isinstance(vocabulary, dict):
        return sorted(vocabulary.items(), key=lambda pair: pair[1])
    return [(piece, index) for index, (piece, _) in enumerate(vocabulary)]


def added_entries(spec: Spec) -> list[tuple[str, int]]:
    """Return the (entry, id) pairs of the added tokens that the model itself does not have."""
    known = {entry for entry, _ in model_entries(spec)}
    added = [(token["content"], token["id"]) for token in spec["added_tokens"]]
    return sorted((pair for pair in added if pair[0] not in known), key=lambda pair: pair[1])


def unknown_id(spec: Spec) -> int | None:
    """Return the id that stands for what the vocabulary cannot spell; None if it has none."""
    model = spec["model"]
    if model["type"] == "Unigram":
        return model["unk_id"]
    return dict([*added_entries(spec), *model_entries(spec)]).get(model["unk_token"])


def script_of(character: str) -> str | None:
    """Return the script of a letter, mark or digit (LATIN, BENGALI, CJK); None for what has none.

    It is the first word of the character's Unicode name, which the standard library knows.
    """
    if unicodedata.category(character)[0] not in "LMN" or character in "0123456789":
        return None
    return unicodedata.name(character, "UNNAMED").split(" ")[0]


def scripts_of(texts: Iterable[str]) -> set[str]:
    """Return the scripts that at least `RARE` of the letters of `texts` are written in."""
    letters = Counter(character for text in texts for character in text)
    scripts: Counter[str] = Counter()
    for character, count in letters.items():
        script = script_of(character)
        if script:
            scripts[script] += count
    return {script for script, count in scripts.items() if count >= RARE * scripts.total()}


def single_characters(spec: Spec, scripts: Collection[str] | None = None) -> set[str]:
    """Return the entries of one character (of one byte in byte-level vocabularies).

    `##c` in WordPiece, `c</w>` in BPE, `▁c` and a lone `▁` in the others count as one character,
    and so do the byte entries `<0x..>`. With `scripts` those of other scripts are left out; not of
    BPE, whose characters may stand for bytes.
    """
    model = spec["model"]
    prefix = model.get("continuing_subword_prefix") or ""
    suffix = model.get("end_of_word_suffix") or ""
    marks = "" if model["type"] == "WordPiece" else METASPACE

    def bare(entry: str) -> str:
        entry = entry if entry == prefix else entry.removeprefix(prefix)
        entry = entry if entry == suffix else entry.removesuffix(suffix)
        return entry.removeprefix(marks) if len(entry) > 1 else entry

    def in_scripts(character: str) -> bool:
        if scripts is None or model["type"] == "BPE":
            return True
        return script_of(character) in (None, *scripts)

    entries = [(entry, bare(entry)) for entry, _ in model_entries(spec)]
    single = {entry for entry, text in entries if len(text) == 1 and in_scripts(text)}
    return single | {entry for entry, _ in entries if BYTE.fullmatch(entry)}


def greedy_path(word: str, vocabulary: Collection[str], prefix: str) -> list[str]:
    """Return the entries that WordPiece's longest-match-first takes from `word`, as far as it gets."""
    path: list[str] = []
    start = 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = (prefix if start else "") + word[start:end]
            if piece in vocabulary:
                break
        else:
            return path
        path.append(piece)
        start = end
    return path


def _merge_parts(model: Spec) -> dict[str, set[str]]:
    """Return for each entry that merges of a BPE model produce the parts it is made of."""
    parts: dict[str, set[str]] = {}
    cut = len(model.get("continuing_subword_prefix") or "")
    for left, right in model.get("merges", []):
        parts.setdefault(left + right[cut:], set()).update((left, right))
    return parts


def _renumbered(processor: Any, number: Callable[[int], int]) -> Any:
    """Return a post-processor's JSON with `number(id)` in the place of every id."""
    match processor:
        case None | {"type": "ByteLevel"}:
            return processor
        case {"type": "Sequence", "processors": processors}:
            return {**processor, "processors": [_renumbered(p, number) for p in processors]}
        case {"type": "TemplateProcessing", "special_tokens": tokens}:
            tokens = {
                name: {**token, "ids": [number(index) for index in token["ids"]]}
                for name, token in tokens.items()
            }
            return {**processor, "special_tokens": tokens}
        case {"type": "BertProcessing" | "RobertaProcessing", "sep": sep, "cls": cls}:
            frame = {"sep": [sep[0], number(sep[1])], "cls": [cls[0], number(cls[1])]}
            return {**processor, **frame}
    raise UserError(f"tokenizer: post-processor {processor['type']} is not known to trim")


def _framing_ids(spec: Spec) -> set[int]:
    """Return the ids that the post-processor and the padding settings add."""
    ids: set[int] = {spec["padding"]["pad_id"]} if spec.get("padding") else set()

    def note(index: int) -> int:
        ids.add(index)
        return index

    _renumbered(spec["post_processor"], note)
    return ids


def entries_to_keep(
    spec: Spec,
    used: Collection[int],
    *,
    characters: Collection[str],
    pieces: Iterable[str] = (),
    min_entries: int = 0,
) -> set[str]:
    """Return the model's entries that a trimmed tokenizer needs.

    `used` are the ids that occur, `characters` the entries of one character to keep, `pieces`
    entries that matter although they do not occur (the paths of failing words). Specials and
    whatever the model needs to produce the others come on top; entries of the lowest
    ids, which are the most frequent in trained vocabularies, fill up to `min_entries` in all, added
    tokens included.
    """
    entries, model = model_entries(spec), spec["model"]
    ids = {*used, *_framing_ids(spec), unknown_id(spec)}
    needed = {*SPECIALS, *characters, *pieces, *(t["content"] for t in spec["added_tokens"])}
    needed = {entry for entry, index in entries if index in ids or entry in needed}
    if model["type"] == "Unigram":
        needed.add(min(model["vocab"], key=lambda pair: pair[1])[0])
    parts, kept = _merge_parts(model), set[str]()

    def keep(new: Collection[str]) -> None:
        waiting = list(new)
        while waiting:
            entry = waiting.pop()
            if entry not in kept:
                kept.add(entry)
                waiting += parts.get(entry, ())

    keep(needed)
    fill, outside = iter(entries), len(added_entries(spec))
    while len(kept) + outside < min_entries and (pair := next(fill, None)):
        keep([pair[0]])
    return kept


def trimmed(spec: Spec, kept: Collection[str]) -> tuple[Spec, list[int]]:
    """Return `spec` with the entries `kept` only, and the old id of each new one.

    New ids are 0, 1, 2, ... in the order of the old: the model's entries, then the added tokens
    that it does not have (where the tokenizers library puts them as well).
    UserError if the post-processor or the padding gives out an id that no entry has.
    """
    model = dict(spec["model"])
    entries = [pair for pair in model_entries(spec) if pair[0] in kept]
    everything = [*entries, *added_entries(spec)]
    rows = [index for _, index in everything]
    new_ids = {entry: index for index, (entry, _) in enumerate(everything)}
    by_old_id = {old: new for new, old in reversed(list(enumerate(rows)))}

    def number(index: int) -> int:
        if index not in by_old_id:
            raise UserError(f"tokenizer: its frame or padding has id {index}, which no entry has")
        return by_old_id[index]

    if model["type"] == "Unigram":
        model["vocab"] = [pair for pair in model["vocab"] if pair[0] in kept]
        model["unk_id"] = None if model["unk_id"] is None else number(model["unk_id"])
    else:
        model["vocab"] = {entry: new_ids[entry] for entry, _ in entries}
    if model["type"] == "BPE":
        cut = len(model.get("continuing_subword_prefix") or "")
        model["merges"] = [[a, b] for a, b in model["merges"] if a + b[cut:] in kept]
    added = [{**token, "id": new_ids[token["content"]]} for token in spec["added_tokens"]]
    padding = spec.get("padding")
    result = {
        **spec,
        "model": model,
        "added_tokens": sorted(added, key=lambda token: token["id"]),
        "post_processor": _renumbered(spec["post_processor"], number),
        "padding": padding and {**padding, "pad_id": number(padding["pad_id"])},
    }
    return result, rows
