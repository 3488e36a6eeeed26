"""What is wrong with models that the schema allows: keys and numbers that do not fit each other."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from emopress.checkpoint import DECODERS

TOKENIZER_SOURCES = ("train", "model", "hub", "from_mirror")
TOKENIZER_CHANGES = ("lowercase", "strip_accents", "as_stored")  # of a published one


def model_errors(models: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    """Yield one line per mistake of the entries of `models`."""
    for name, entry in models.items():
        if (Path(entry.get("hub", "")) / "config.json").is_file() and "hub" in entry:
            yield (
                f"models.{name}.hub: {entry['hub']!r} is a folder here, and hub is for repositories of "
                f"huggingface.co; for the folder: from_mirror: true, --config mirror=DIR, and the folder as "
                f"DIR/models/{name}/; for the repository of that name: rename the folder"
            )
        if "init" in entry:
            if "tokenizer" not in entry:
                yield f"models.{name}: a model from scratch needs a tokenizer"
            yield from (f"models.{name}.init: {error}" for error in _shape_errors(entry["init"]))
            yield from (
                f"models.{name}: {key!r} changes nothing beside init"
                for key in ("size", "labels")
                if key in entry
            )
        if "tokenizer" in entry:
            pretrained = entry["family"] == "transformer" and "init" not in entry
            yield from (
                f"models.{name}.tokenizer: {error}"
                for error in _tokenizer_errors(entry["tokenizer"], pretrained)
            )
        donor = entry.get("tokenizer", {}).get("model")
        if donor is not None and not {"hub", "from_mirror"} & set(models.get(donor, {})):
            yield f"models.{name}.tokenizer.model: {donor!r} is not a pretrained model of models"
        if entry["family"] == "linear" and entry["ngrams"][0] > entry["ngrams"][1]:
            yield f"models.{name}.ngrams: shortest first, then longest"
        if entry.get("runtime") == "transformers":
            yield from (f"models.{name}{error}" for error in _large_errors(entry))
        if entry["family"] != "transformer" and entry.get("train", {}).get(
            "gradient_checkpointing"
        ):
            yield f"models.{name}.train: gradient_checkpointing is for transformers"
        if entry["family"] == "dense":
            yield from (f"models.{name}{error}" for error in _dense_errors(entry))
        if entry["family"] == "lstm":
            yield from (f"models.{name}{error}" for error in _lstm_errors(entry))
    yield from _vector_files(models)


def _tokenizer_errors(spec: Mapping[str, Any], pretrained: bool) -> Iterator[str]:
    """Yield one line per mistake of a model's tokenizer; `pretrained`: it comes with a checkpoint."""
    sources = [key for key in TOKENIZER_SOURCES if key in spec]
    if pretrained:
        if sources:
            yield f"a pretrained checkpoint brings its own; allowed: {', '.join(TOKENIZER_CHANGES)}"
    elif len(sources) != 1:
        found = ", ".join(spec) or "none of them"
        yield f"give exactly one of {', '.join(TOKENIZER_SOURCES)}; found {found}"
        return
    trained = sources == ["train"]
    for key in TOKENIZER_CHANGES[1:] if trained else ("vocab_size",):
        if key in spec:
            yield f"{key!r} changes nothing {'beside' if trained else 'without'} train"
    if "revision" in spec and "hub" not in spec:
        yield "'revision' changes nothing without hub"


def _shape_errors(init: Mapping[str, Any]) -> Iterator[str]:
    """Yield one line per way in which the numbers of an `init` do not fit each other."""
    decoder = init["architecture"] in DECODERS
    for key in ("kv_heads", "head_size"):
        if key in init and not decoder:
            yield f"{key} is for {', '.join(DECODERS)}"
    if "head_size" not in init and init["width"] % init["heads"]:
        yield "heads must divide width"
    if decoder and init["heads"] % init.get("kv_heads", init["heads"]):
        yield "kv_heads must divide heads"


def _large_errors(entry: dict[str, Any]) -> Iterator[str]:
    """Yield one line per mistake of a model whose runtime is transformers."""
    shape = entry.get("init") or entry.get("size") or {}
    if shape.get("architecture", DECODERS[0]) not in DECODERS:
        yield f".runtime: transformers is for {', '.join(DECODERS)}"
    if entry["train"]["epochs"]:
        yield ".runtime: transformers needs train: {epochs: 0}; its weights stay, adapters are trained"


def _dense_errors(entry: dict[str, Any]) -> Iterator[str]:
    vectors = entry["vectors"]
    if "ngrams" in vectors and vectors["ngrams"][0] > vectors["ngrams"][1]:
        yield ".vectors.ngrams: shortest first, then longest"
    if entry["pooling"] == "flatten" and "max_tokens" not in entry:
        yield ": pooling: flatten needs max_tokens"
    if entry["pooling"] != "flatten" and "max_tokens" in entry:
        yield ": 'max_tokens' changes nothing without pooling: flatten"
    if vectors["source"] == "glove" and vectors["file"].endswith(".zip") != ("member" in vectors):
        yield ".vectors.member: name the text file in it for a .zip file, and for no other"


def _lstm_errors(entry: dict[str, Any]) -> Iterator[str]:
    generative = entry["kind"] == "generative"
    if generative and "label_width" not in entry:
        yield ": kind: generative needs label_width"
    if not generative and "label_width" in entry:
        yield ": 'label_width' changes nothing without kind: generative"
    if generative and entry["train"]["class_weights"]:
        yield ".train.class_weights: for kind: discriminative; a generative model learns the texts of each label"


def _vector_files(models: Mapping[str, dict[str, Any]]) -> Iterator[str]:
    """Yield one line per file of vectors that two models describe differently."""
    origins: dict[str, tuple[str, tuple[Any, ...]]] = {}
    for name, entry in models.items():
        vectors = entry.get("vectors", {})
        if "file" not in vectors:
            continue
        origin = vectors.get("url"), vectors.get("sha256")
        first, known = origins.setdefault(vectors["file"], (name, origin))
        if known != origin:
            file = vectors["file"]
            yield f"models.{name}.vectors: models.{first} has another url or sha256 for {file!r}"
