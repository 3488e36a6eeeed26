"""Writes a model as one ONNX file that needs nothing of emopress, once ONNX Runtime computes the same logits with it.

What a reader must know to make numbers of a text stands in the file's metadata: `emopress` has what `bundle.json` says
about prediction, as JSON, and `vocabulary` the entries, one a line, in the order of their numbers.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from tokenizers import Tokenizer

from emopress.artifact import replaced_file
from emopress.bundle.manifest import TOKENIZER
from emopress.errors import UserError
from emopress.runtime.bundle_reader import Bundle, prediction_keys
from emopress.runtime.classifier import Classifier
from emopress.runtime.onnxruntime import OnnxClassifier, session_options
from emopress.runtime.stored import read_stored, stored_apart

LARGEST_GAP = 1e-5  # of two logits, as a share of the largest one: float32 sums in another order
Feed = dict[str, np.ndarray]
PROBES = 40  # texts on which a file is compared with its bundle


def probes(vocabulary: Sequence[str]) -> list[str]:
    """Return texts made of entries of a vocabulary: from none to many, and one that has none of them."""
    rng = np.random.default_rng(0)
    lengths = [0, 1, 2, 3, *rng.integers(1, 60, PROBES - 5)]
    chosen = [rng.integers(0, len(vocabulary), length) if vocabulary else [] for length in lengths]
    return ["\x7f", *(" ".join(vocabulary[i] for i in entries) for entries in chosen)]


def write_described(
    bundle: Bundle,
    out: Path,
    graph: onnx.ModelProto,
    classifier: Classifier,
    inputs: Callable[[list[str]], Feed],
    vocabulary: Sequence[str],
) -> float:
    """Write the graph of a bundle, with what its reader must know, to `out` (see `write_onnx`).

    `inputs` makes what the graph reads of normalised texts, made here of entries of the `vocabulary`.
    """
    describe(graph, bundle, vocabulary)
    texts = [[classifier.normalise(text)] for text in probes(vocabulary)]
    texts.append([text for one in texts for text in one])
    logits = [classifier.logits(batch) for batch in texts]
    return write_onnx(graph, out, [inputs(batch) for batch in texts], logits)


def describe(model: onnx.ModelProto, bundle: Bundle, vocabulary: Sequence[str]) -> None:
    """Write what a reader must know of a bundle into a model's metadata, in place."""
    facts = bundle.manifest
    known = {key: facts[key] for key in prediction_keys(facts["runtime"]) if key in facts}
    named = {"emopress": json.dumps(known, ensure_ascii=False)}
    helper.set_model_props(
        model, named | ({"vocabulary": "\n".join(vocabulary)} if vocabulary else {})
    )


def with_stored_weights(bundle: Bundle) -> onnx.ModelProto:
    """Return the graph of a bundle that stores weights apart from it, with these weights inside."""
    weights = read_stored(bundle.folder, bundle.manifest["files"])
    model = onnx.load(bundle.folder / "model.onnx", load_external_data=False)
    for tensor in model.graph.initializer:
        if tensor.name in weights:
            tensor.CopyFrom(numpy_helper.from_array(weights[tensor.name], tensor.name))
    return model


def write_whole(bundle: Bundle, out: Path) -> float:
    """Write the graph of an ONNX Runtime bundle, its weights inside, to `out` (see `write_onnx`).

    UserError if they are inside already: that file is the bundle's own.
    """
    if not stored_apart(bundle.manifest["files"]):
        raise UserError(
            f"{bundle.folder}: its model is an ONNX file already, {bundle.folder / 'model.onnx'}"
        )
    graph = with_stored_weights(bundle)
    describe(graph, bundle, [])
    classifier = OnnxClassifier.of_bundle(bundle, threads=1, device="cpu")
    rng = np.random.default_rng(0)
    size = Tokenizer.from_file(str(bundle.folder / TOKENIZER)).get_vocab_size()
    reads = {each.name for each in graph.graph.input}
    feeds = []
    for length in (3, 9, min(40, bundle.manifest["max_length"])):
        ids = rng.integers(0, size, (1, length))
        feed = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
        feeds.append({name: array for name, array in feed.items() if name in reads})
    logits = [np.asarray(classifier.session.run(["logits"], feed)[0]) for feed in feeds]
    return write_onnx(graph, out, feeds, logits)


def write_onnx(
    model: onnx.ModelProto, out: Path, feeds: Sequence[Feed], expected: Sequence[np.ndarray]
) -> float:
    """Write a model to `out`; return its largest difference from the `expected` logits [N, C] of each of `feeds`.

    UserError, and no file, if that is more than rounding in float32 makes (LARGEST_GAP).
    """
    with replaced_file(out) as part:
        onnx.save(model, part)
        session = onnxruntime.InferenceSession(
            str(part), session_options(1), providers=["CPUExecutionProvider"]
        )
        gap = max(_gaps(session, feeds, expected))
        if not gap <= LARGEST_GAP:
            raise UserError(f"{out}: not written; its logits differ from the bundle's by {gap:.2g}")
    return gap


def _gaps(session: Any, feeds: Sequence[Feed], expected: Sequence[np.ndarray]) -> Iterator[float]:
    """Yield the largest difference of the logits of each feed, as a share of the largest logit or of 1."""
    for feed, logits in zip(feeds, expected, strict=True):
        found = np.asarray(session.run(["logits"], feed)[0])
        if found.shape != logits.shape:
            raise UserError(f"the graph gives logits {found.shape}, not {logits.shape}")
        yield float(np.abs(found - logits).max() / max(np.abs(logits).max(), 1.0))
