"""Trims the vocabulary of a checkpoint to what its training texts use: tokenizer and embeddings."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor, nn
from tqdm import tqdm

from emopress.compress.derive import Child
from emopress.compress.tokenizer_entries import (
    check_model,
    entries_to_keep,
    greedy_path,
    scripts_of,
    single_characters,
    trimmed,
    unknown_id,
)
from emopress.errors import UserError
from emopress.train.batches import encode
from emopress.train.splits import read_split
from emopress.train.tokenizer import embedding_rows, pad_id

if TYPE_CHECKING:
    from emopress.entries.step import Step
    from emopress.entries.trim import Trim

CHUNK = 1000  # texts tokenized at once
SAMPLE = 64  # texts whose logits are compared
BATCH = 16
MAX_LOGIT_GAP = 1e-5


def encodings(
    texts: list[str], doing: str, *tokenizers: Tokenizer
) -> Iterator[tuple[str, list[Encoding]]]:
    """Yield each text with its tokens by every tokenizer, framed, without truncation.

    The progress bar says `doing`.
    """
    for tokenizer in tokenizers:
        tokenizer.no_truncation()
        tokenizer.no_padding()
    with tqdm(total=len(texts), desc=doing, unit="text", mininterval=2.0) as bar:
        for start in range(0, len(texts), CHUNK):
            chunk = texts[start : start + CHUNK]
            encoded_chunks = [tokenizer.encode_batch(chunk) for tokenizer in tokenizers]
            for text, *encoded in zip(chunk, *encoded_chunks, strict=True):
                yield text, encoded
            bar.update(len(chunk))


def words(tokenizer: Tokenizer, text: str) -> list[str]:
    """Return the words of `text` as they reach the tokenizer's model."""
    if tokenizer.normalizer is not None:
        text = tokenizer.normalizer.normalize_str(text)
    if tokenizer.pre_tokenizer is None:
        return [text]
    return [word for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)]


def trim_tokenizer(
    tokenizer: Tokenizer,
    texts: list[str],
    *,
    also: set[int],
    characters: str,
    min_entries: int,
    where: str,
) -> tuple[Tokenizer, list[int]]:
    """Return a tokenizer with the entries that `texts` need, and the old id of each of its ids.

    `also` are ids to keep besides; `characters` says which entries of one character stay: `all`, or
    those of the `used-scripts`. UserError, naming `where`, for a tokenizer that cannot be
    trimmed, or if a text would not get the same tokens.
    """
    spec = json.loads(tokenizer.to_str())
    check_model(spec, where)
    unknown, used, failing = unknown_id(spec), set(also), set()
    for text, (encoding,) in encodings(texts, "collecting tokens", tokenizer):
        used.update(encoding.ids)
        if unknown in encoding.ids:
            spans = zip(encoding.ids, encoding.offsets, strict=True)
            failing |= {text[start:end] for index, (start, end) in spans if index == unknown}
    paths: set[str] = set()
    if spec["model"]["type"] == "WordPiece":
        prefix = spec["model"]["continuing_subword_prefix"]
        longest = spec["model"]["max_input_chars_per_word"]
        for word in {word for span in failing for word in words(tokenizer, span)}:
            if len(word) <= longest:
                paths.update(greedy_path(word, spec["model"]["vocab"], prefix))
    scripts = scripts_of(texts) if characters == "used-scripts" else None
    kept = entries_to_keep(
        spec,
        used,
        characters=single_characters(spec, scripts),
        pieces=paths,
        min_entries=min_entries,
    )
    smaller, rows = trimmed(spec, kept)
    result = Tokenizer.from_str(json.dumps(smaller, ensure_ascii=False))
    check_same_tokens(tokenizer, result, rows, texts, where)
    return result, rows


def check_same_tokens(
    before: Tokenizer, after: Tokenizer, rows: list[int], texts: list[str], where: str
) -> None:
    """Raise UserError unless both tokenizers give every text the same tokens and the same rows."""
    for text, (old, new) in encodings(texts, "checking tokens", before, after):
        if old.tokens != new.tokens or old.ids != [rows[index] for index in new.ids]:
            raise UserError(
                f"{where}: trimming would change the tokens of the training text {text!r}; "
                "leave trim out for this model, or raise min_entries"
            )


def unknown_share(tokenizer: Tokenizer, texts: list[str]) -> float:
    """Return the share of unknown tokens among the tokens of `texts`, frames left out."""
    unknown, unknown_tokens, total = unknown_id(json.loads(tokenizer.to_str())), 0, 0
    for _, (encoding,) in encodings(texts, "counting unknown tokens", tokenizer):
        framed = sum(encoding.special_tokens_mask)
        total += len(encoding.ids) - framed
        unknown_tokens += encoding.ids.count(unknown) if unknown is not None else 0
    return unknown_tokens / max(total, 1)


def trim_embeddings(model: nn.Module, rows: list[int]) -> None:
    """Keep the rows `rows` of the input embeddings, in their order, and renumber the config's ids.

    A *_token_id of the config whose row is gone (no entry of the tokenizer had it) becomes None.
    """
    new_ids = {old: new for new, old in reversed(list(enumerate(rows)))}
    config: Any = model.config
    for key, value in token_ids(config).items():
        setattr(config, key, new_ids.get(value))
    table: nn.Embedding = model.get_input_embeddings()  # type: ignore[operator]
    smaller = nn.Embedding(len(rows), table.embedding_dim, padding_idx=config.pad_token_id)
    with torch.no_grad():
        smaller.weight.copy_(table.weight[torch.tensor(rows)])
    smaller.train(table.training)
    model.set_input_embeddings(smaller)  # type: ignore[operator]
    config.vocab_size = len(rows)


def token_ids(config: Any) -> dict[str, int]:
    """Return the *_token_id settings of a transformers config that hold an id."""
    return {
        key: value
        for key, value in config.to_dict().items()
        if key.endswith("_token_id") and isinstance(value, int)
    }


def sample_logits(
    model: nn.Module, tokenizer: Tokenizer, texts: list[str], max_length: int
) -> Tensor:
    """Return the model's logits [N, C] for `texts`, as training would batch and cut them."""
    encoded = encode(
        tokenizer, texts, [0] * len(texts), max_length=max_length, pad_id=pad_id(tokenizer)
    )
    order = range(len(texts))
    with torch.inference_mode():
        batches = [
            model(**encoded.batch(order[at : at + BATCH], torch.device("cpu"))).logits
            for at in range(0, len(texts), BATCH)
        ]
    return torch.cat(batches)


def trim(
    *, parent: Path, step: "Step[Trim]", seed: int, train: Path, test: Path, out: Path
) -> None:
    """Trim the vocabulary of checkpoint `parent` as the pass `step` says; write it to `out`.

    Kept are the entries that occur when the training texts are tokenized whole, specials, single
    characters (of the scripts that the training texts use, or all: `characters`) and at
    least `min_entries`. The test texts are only counted: what share of
    their tokens is unknown. After Abdaoui, Pradel and Sigel, "Load What You Need: Smaller Versions
    of Multilingual BERT" (2020). UserError if a training text gets other tokens than before, or a
    seeded sample of them logits that differ by more than MAX_LOGIT_GAP.
    """
    child, where = Child(parent, step, seed=seed), str(parent / "tokenizer.json")
    old = child.tokenizer
    model = child.model
    texts, test_texts = read_split(train).texts, read_split(test).texts
    rows_before = model.get_input_embeddings().num_embeddings
    if rows_before < embedding_rows(old):
        raise UserError(
            f"{where}: has ids up to {embedding_rows(old) - 1}, the embeddings {rows_before} rows"
        )
    child.tokenizer, rows = trim_tokenizer(
        old,
        texts,
        also={pad_id(old), *token_ids(model.config).values()},
        characters=step.entry.characters,
        min_entries=step.entry.min_entries,
        where=where,
    )
    size = min(SAMPLE, len(texts))
    chosen = np.random.default_rng(seed).choice(len(texts), size=size, replace=False)
    sample, max_length = [texts[i] for i in chosen], child.parent.data["max_length"]
    before = sample_logits(model, old, sample, max_length)
    trim_embeddings(model, rows)
    gap = float((sample_logits(model, child.tokenizer, sample, max_length) - before).abs().max())
    if not gap <= MAX_LOGIT_GAP:
        raise UserError(f"{parent}: trimming changed logits of training texts by {gap:.2g}")
    findings = {
        "vocabulary_before": old.get_vocab_size(),
        "vocabulary_after": child.tokenizer.get_vocab_size(),
        "embedding_rows_removed_share": round(1 - len(rows) / rows_before, 4),
        "unknown_token_share_test_before": round(unknown_share(old, test_texts), 6),
        "unknown_token_share_test_after": round(unknown_share(child.tokenizer, test_texts), 6),
        "max_logit_gap": gap,
    }
    for name, value in findings.items():
        logging.info("trim: %s %s", name, value)
    child.write(out, findings)
