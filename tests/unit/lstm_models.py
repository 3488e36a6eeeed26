"""Small LSTM classifiers with random weights, and texts for them: what the LSTM tests start from."""

import tempfile

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

from emopress.checkpoint import GENERATIVE, library_versions, write_manifest
from emopress.lstm.weights import LstmWeights
from emopress.runtime.onnxruntime import session_options

ROWS, WIDTH, STATE, LABEL_WIDTH, LABELS = 60, 10, 12, 4, 3
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
VOCABULARY = [*SPECIAL, *(f"w{place}" for place in range(ROWS - len(SPECIAL)))]
DATA = {"labels": ["a", "b", "c"], "language": "en", "max_length": 12, "normalise": "none"}


def weights_of(kind, seed=0):
    """Return the weights of a model that has learnt nothing; biases too are random."""
    rng = np.random.default_rng(seed)

    def random(*shape, scale):
        return (scale * rng.normal(size=shape)).astype(np.float32)

    generative = kind == GENERATIVE
    outputs = ROWS if generative else LABELS
    prior = np.log(np.array([0.5, 0.3, 0.2], dtype=np.float32))
    return LstmWeights(
        kind,
        random(ROWS, WIDTH, scale=0.5),
        random(WIDTH + (LABEL_WIDTH if generative else 0), 4 * STATE, scale=0.5),
        random(STATE, 4 * STATE, scale=0.3),
        random(4 * STATE, scale=0.2),
        random(STATE, outputs, scale=1.0),
        random(outputs, scale=0.2),
        random(LABELS, LABEL_WIDTH, scale=1.0) if generative else None,
        prior if generative else None,
    )


def sentences(texts, longest=9, seed=1):
    """Return ids and mask [texts, longest] of sentences of many lengths, and labels [texts]."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(3, longest + 1, texts)
    lengths[0] = longest
    mask = (np.arange(longest) < lengths[:, None]).astype(np.int64)
    return rng.integers(4, ROWS, mask.shape) * mask, mask, np.arange(texts) % LABELS


def session(graph):
    """Open a graph as the runtime does."""
    return onnxruntime.InferenceSession(
        graph.SerializeToString(), session_options(1), providers=["CPUExecutionProvider"]
    )


def weights_in(graph):
    """Return a graph's constants by name as they are once ONNX Runtime has loaded it, and the operators left."""
    with tempfile.TemporaryDirectory() as folder:
        options = session_options(1)
        options.optimized_model_filepath = f"{folder}/optimized.onnx"
        onnxruntime.InferenceSession(
            graph.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        found = onnx.load(options.optimized_model_filepath).graph
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in found.initializer}
    return constants, [node.op_type for node in found.node]


def write_tokenizer(path):
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(VOCABULARY)}, "[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(path))


def write_checkpoint(folder, weights):
    """Write an LSTM checkpoint with these weights, whose tokenizer knows ROWS words."""
    folder.mkdir(parents=True)
    kind, weights = weights.kind, weights.arrays()
    save_file(weights, folder / "model.safetensors")
    write_tokenizer(folder / "tokenizer.json")
    facts = {
        **{"family": "lstm", "kind": kind, **DATA, "recipe": [{"name": "lstm", "family": "lstm"}]},
        **{"seed": 0, "parent": None, "base": None, "licences": [], "data_sha256": "0"},
        "params": sum(array.size for array in weights.values()),
        "nonzero_params": sum(int(np.count_nonzero(array)) for array in weights.values()),
        "versions": library_versions("numpy"),
    }
    write_manifest(folder, facts)
    return folder
