"""The tokenizer of a model."""

from collections.abc import Iterator
from typing import ClassVar, Literal

from pydantic import Field

from emopress.entries.base import Entry, Fault, HubName, Revision, Text

SOURCES = ("train", "model", "hub", "from_mirror")
CHANGES = ("lowercase", "strip_accents", "as_stored")  # of a published one


class Tokenizer(Entry):
    """Tokenizer of a model trained from scratch: exactly one of train, model, hub and from_mirror. A pretrained
    checkpoint has its own; only lowercase, strip_accents and as_stored can be set for it."""

    NEEDS: ClassVar = {"train": "vocab_size"}
    train: Literal["wordpiece", "words"] | None = None
    """Train one on the training split: wordpiece cuts rare words into pieces; words has whole words only, and treats
    all others as one unknown word."""
    vocab_size: int | None = Field(None, ge=100, le=200000)
    """Largest number of entries of a trained vocabulary; required with train. With wordpiece every character of the
    texts is an entry, and another one inside words; if there are too many, the most frequent stay, and the log says so.
    """
    lowercase: bool | None = None
    """Lower-case the texts. Default: a trained tokenizer keeps capitals; a published one does what transformers'
    AutoTokenizer does with its files (a vocab.txt of bert without tokenizer_config.json is lower-cased; one with no
    config.json either keeps capitals)."""
    strip_accents: bool | None = None
    """For a published BERT tokenizer: remove accents, and Bengali vowel signs, from the letters. Default: as its files
    say, else as lowercase."""
    as_stored: bool | None = None
    """For a published tokenizer.json that disagrees with transformers' AutoTokenizer, which uses tokenizer_class and
    its defaults. true: use the file; false: use AutoTokenizer. Default: both must give the same tokens."""
    model: Text | None = None
    """Take the tokenizer of this pretrained entry of models."""
    hub: HubName | None = None
    """Take the tokenizer of this Hugging Face id, OWNER/NAME."""
    revision: Revision | None = None
    """Commit id for hub. Default: main."""
    from_mirror: Text | None = None
    """Take DIR/tokenizers/<name>/ of a mirror."""

    def sources(self) -> list[str]:
        """Return where the tokenizer comes from: one key, if the entry is right."""
        return [key for key in SOURCES if getattr(self, key) is not None]

    def misfits_beside(self, *, pretrained: bool) -> Iterator[Fault]:
        """Yield what is wrong with the keys of a model's tokenizer; `pretrained`: the model comes with one."""
        sources = self.sources()
        if pretrained and sources:
            yield (
                "tokenizer",
                f"a pretrained checkpoint brings its own; allowed: {', '.join(CHANGES)}",
            )
        elif not pretrained and len(sources) != 1:
            given = ", ".join(sources) or "none"
            yield "tokenizer", f"give exactly one of {', '.join(SOURCES)}; given: {given}"
            return
        trained = sources == ["train"]
        for key in CHANGES[1:] if trained else ("vocab_size",):
            if getattr(self, key) is not None:
                word = "beside" if trained else "without"
                yield "tokenizer", f"{key!r} changes nothing {word} train"
        if self.revision and not self.hub:
            yield "tokenizer", "'revision' changes nothing without hub"
