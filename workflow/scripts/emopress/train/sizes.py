"""The shape of a transformer, as a config or its checkpoint states it, and how many texts are judged at once.

Nothing here needs torch, so that a dry run can compute with it. (emopress/train/memory.py does, and no training
reads that: a corrected figure reruns none.)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from emopress.checkpoint import DECODERS
from emopress.errors import UserError

if TYPE_CHECKING:
    from emopress.entries.transformer import Init, Size, TransformerStudent

EVALUATION_BATCH = 128  # texts that are predicted at once while training is judged


@dataclass(frozen=True)
class Shape:
    """The sizes of a transformer: `heads` of `head_size` for queries, `kv_heads` for keys and values."""

    architecture: str
    layers: int
    width: int
    heads: int
    kv_heads: int
    head_size: int
    ffn: int
    vocabulary: int

    @property
    def decoder(self) -> bool:
        """Whether it has a gated feed-forward network, and neither biases nor dropout."""
        return self.architecture in DECODERS

    @property
    def linears(self) -> dict[str, tuple[int, int]]:
        """The linear layers of one layer: (inputs, outputs) by decoders' names for them."""
        queries, values = self.heads * self.head_size, self.kv_heads * self.head_size
        layers = {
            "q_proj": (self.width, queries),
            "k_proj": (self.width, values),
            "v_proj": (self.width, values),
            "o_proj": (queries, self.width),
            "up_proj": (self.width, self.ffn),
            "down_proj": (self.ffn, self.width),
        }
        return {**layers, "gate_proj": (self.width, self.ffn)} if self.decoder else layers


def shape_of_entry(entry: "TransformerStudent", vocabulary: int = 0) -> Shape | None:
    """Return the shape that a model entry states by `init` or `size`; None if it has neither.

    An `init` has no vocabulary of its own: it is `vocabulary`, else what its tokenizer may have.
    """
    if entry.size:
        return _shape(entry.size, entry.size.vocabulary)
    trained = entry.tokenizer.vocab_size if entry.tokenizer else None
    return _shape(entry.init, vocabulary or trained or 0) if entry.init else None


def _shape(stated: "Init | Size", vocabulary: int) -> Shape:
    return Shape(
        architecture=stated.architecture,
        layers=stated.layers,
        width=stated.width,
        heads=stated.heads,
        kv_heads=stated.kv_heads or stated.heads,
        head_size=stated.head_size or stated.width // stated.heads,
        ffn=stated.ffn,
        vocabulary=vocabulary,
    )


def shape_of_config(config: Mapping[str, Any]) -> Shape:
    """Return the shape that a checkpoint's config.json states, of any architecture there is code for."""

    def first(*names: str) -> int:
        return next(int(config[name]) for name in names if config.get(name) is not None)

    width, heads = first("hidden_size", "dim"), first("num_attention_heads", "n_heads")
    return Shape(
        architecture=config["model_type"],
        layers=first("num_hidden_layers", "n_layers"),
        width=width,
        heads=heads,
        kv_heads=int(config.get("num_key_value_heads") or heads),
        head_size=int(config.get("head_dim") or width // heads),
        ffn=first("intermediate_size", "hidden_dim"),
        vocabulary=first("vocab_size"),
    )


def check_size(name: str, entry: "TransformerStudent", config: Mapping[str, Any]) -> None:
    """Raise UserError unless a checkpoint's config.json has the shape that the entry's `size` states."""
    stated, actual = shape_of_entry(entry), shape_of_config(config)
    if stated != actual:
        raise UserError(
            f"model '{name}': size says {stated}, the checkpoint's config.json {actual}"
        )
