"""A transformer: an encoder or a decoder with a classification head."""

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field, Tag

from emopress.checkpoint import DECODERS
from emopress.entries.base import (
    WEIGHTS_FILE,
    Architecture,
    Distinct,
    Entry,
    Fault,
    HubName,
    Name,
    Revision,
    Sha256,
    Share,
    Text,
    by_type,
)
from emopress.entries.tokenizer import Tokenizer
from emopress.entries.training import Training


class Init(Entry):
    """Architecture of a model trained from scratch."""

    architecture: Architecture
    """Encoder (bert, distilbert, electra) or decoder architecture."""
    layers: int = Field(ge=1, le=48)
    """Layers."""
    width: int = Field(ge=8, le=4096)
    """Hidden size."""
    heads: int = Field(ge=1, le=64)
    """Number of attention heads; must divide width."""
    kv_heads: int | None = Field(None, ge=1, le=64)
    """For a decoder: heads of keys and values, which queries share; must divide heads. Default: heads."""
    head_size: int | None = Field(None, ge=2, le=1024)
    """For a decoder: width of a head. Default: width / heads."""
    ffn: int = Field(ge=8, le=16384)
    """Feed-forward size."""
    dropout: Share = 0.1
    """Dropout."""

    def misfits(self) -> Iterator[Fault]:
        """Yield the sizes that do not fit each other."""
        decoder = self.architecture in DECODERS
        for key in ("kv_heads", "head_size"):
            if getattr(self, key) is not None and not decoder:
                yield "", f"{key} is for {', '.join(DECODERS)}"
        if self.head_size is None and self.width % self.heads:
            yield "", "heads must divide width"
        if decoder and self.heads % (self.kv_heads or self.heads):
            yield "", "kv_heads must divide heads"


class Size(Entry):
    """Shape of a published checkpoint, from which a dry run computes memory before the checkpoint is fetched; checked
    against its config.json afterwards."""

    architecture: Architecture
    """Its model_type."""
    layers: int = Field(ge=1, le=1000)
    """Layers."""
    width: int = Field(ge=8, le=100000)
    """Hidden size."""
    heads: int = Field(ge=1, le=1000)
    """Attention heads."""
    kv_heads: int | None = Field(None, ge=1, le=1000)
    """Heads of keys and values. Default: heads."""
    head_size: int | None = Field(None, ge=2, le=10000)
    """Width of a head. Default: width / heads."""
    ffn: int = Field(ge=8, le=999999)
    """Feed-forward size."""
    vocabulary: int = Field(ge=100, le=999999)
    """Rows of the embedding table."""


WeightsFile = Annotated[str, Field(pattern=WEIGHTS_FILE)]
Hashes = Annotated[
    Annotated[Sha256, Tag("<text>")]
    | Annotated[dict[WeightsFile, Sha256], Field(min_length=1), Tag("<mapping>")],
    by_type("64 hexadecimal digits (`sha256sum FILE` prints them) or a mapping"),
]


class TransformerStudent(Entry):
    """A transformer as a distillation builds it: its own fine-tuning settings play no part."""

    ONE_OF = ("hub", "init", "from_mirror")
    family: Literal["transformer"]
    runtime: Literal["onnxruntime", "transformers"] = "onnxruntime"
    """Runtime of its bundles. transformers: for decoders too large for an ONNX graph; their weights are kept in bf16
    and are not trained (train: {epochs: 0}), only adapters are, and the bundle needs PyTorch."""
    size: Size | None = None
    """Shape of a published checkpoint, from which a dry run computes memory before the checkpoint is fetched; checked
    against its config.json afterwards."""
    hub: HubName | None = None
    """Hugging Face id of a pretrained checkpoint, OWNER/NAME; with a mirror, DIR/models/<model> is read instead."""
    revision: Revision | None = None
    """Commit id of the checkpoint. Default, or main: the newest, whose commit is recorded (see `make pins`)."""
    sha256: Hashes | None = None
    """SHA-256 that model.safetensors must have, from the hub or a mirror; for weights in several files, a mapping from
    every file to its SHA-256."""
    from_mirror: Literal[True] | None = None
    """The pretrained checkpoint is only in a mirror, as DIR/models/<model>/: a folder of your own, with --config
    mirror=DIR."""
    mirrored_as: Name | None = None
    """Name of the folder in a mirror's models/. Default: the name of the entry."""
    labels: Distinct[Text] | None = Field(None, min_length=2)
    """For a pretrained classifier: the names of its labels, in the order of its output rows. Default: those of its
    config.json. If they are the labels of the data set (order, capitals and spaces do not matter), its output layer is
    kept, with the rows in the data set's order; else the output layer is new, or, with train.epochs 0, the checkpoint
    is refused."""
    strips_vowel_signs: bool = False
    """Accept a tokenizer that strips vowel signs (of Bengali, Hindi, Thai and others), as uncased English ones do
    (published studies used such); otherwise it is refused for languages that have them."""
    init: Init | None = None
    """Architecture of a model trained from scratch."""
    tokenizer: Tokenizer | None = None
    """Tokenizer of a model trained from scratch: exactly one of train, model, hub and from_mirror. A pretrained
    checkpoint has its own; only lowercase, strip_accents and as_stored can be set for it."""

    def misfits(self) -> Iterator[Fault]:
        """Yield keys that do not go with a model from scratch, its tokenizer, or the runtime transformers."""
        if self.init and not self.tokenizer:
            yield "", "a model from scratch needs a tokenizer"
        if self.init:
            for key in ("size", "labels"):
                if getattr(self, key) is not None:
                    yield "", f"{key!r} changes nothing beside init"
        if self.tokenizer:
            yield from self.tokenizer.misfits_beside(pretrained=not self.init)
        if self.runtime == "transformers":
            shape = self.init or self.size
            if shape and shape.architecture not in DECODERS:
                yield "runtime", f"transformers is for {', '.join(DECODERS)}"


class Transformer(TransformerStudent):
    """A BERT, DistilBERT or ELECTRA encoder, or a Gemma, Mistral or Llama decoder, with a classification head."""

    OWN_LAST = True
    train: Training = Field(default_factory=Training)
    """Fine-tuning settings."""

    def misfits(self) -> Iterator[Fault]:
        """Yield what does not fit in what is built, and a runtime whose weights are not trained."""
        yield from super().misfits()
        if self.runtime == "transformers" and self.train.epochs:
            yield (
                "runtime",
                "transformers needs train: {epochs: 0}; its weights stay, adapters are trained",
            )
