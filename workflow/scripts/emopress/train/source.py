"""What a transformer of the config starts from: its tokenizer, its published checkpoint, its sizes."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from emopress.artifact import check_files, read_json
from emopress.train.splits import read_split
from emopress.train.tokenizer import embedding_rows, model_tokenizer, pad_id

if TYPE_CHECKING:
    from emopress.entries.transformer import TransformerStudent


@dataclass(frozen=True)
class Source:
    """The tokenizer of a new model, the record of the published checkpoint it starts from, if there is one.

    `sizes` are the arguments of `build_transformer`.
    """

    tokenizer: Tokenizer
    base: dict[str, Any] | None
    sizes: dict[str, Any]

    @property
    def licences(self) -> list[str]:
        """The licence of the published checkpoint, if there is one."""
        base = self.base
        return [base["licence"] or f"not stated by {base['name']}"] if base else []


def read_pretrained(folder: Path) -> dict[str, Any]:
    """Return the record of a fetched checkpoint after checking its files against it."""
    record = read_json(folder / "pretrained.json")
    check_files(folder, record["files"])
    return record


def model_source(
    entry: "TransformerStudent",
    *,
    data: dict[str, Any],
    train: Path,
    pretrained: Path | None,
    pretrained_tokenizer: Path | None,
) -> Source:
    """Return what the model of config entry `entry` starts from for a data set; `data` holds DATA_KEYS."""
    base = read_pretrained(pretrained) if pretrained else None  # checked before it is loaded
    folder = pretrained_tokenizer or pretrained
    tokenizer = model_tokenizer(entry, folder, read_split(train).texts, language=data["language"])
    sizes = {
        "labels": data["labels"],
        "vocab_size": embedding_rows(tokenizer),
        "max_length": data["max_length"],
        "pad": pad_id(tokenizer),
        "pretrained": pretrained,
    }
    return Source(tokenizer, base, sizes)
