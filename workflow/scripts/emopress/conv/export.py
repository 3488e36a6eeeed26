"""The fp32 bundle of a convolutional checkpoint, held against PyTorch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from emopress.artifact import read_json, replaced_folder
from emopress.bundle.manifest import exported
from emopress.checkpoint import WEIGHTS, read_checkpoint
from emopress.conv.model import NGRAMS, WIDE_IDF, ConvModel
from emopress.conv.pieces import pieces_of
from emopress.errors import UserError
from emopress.runtime.convolution import Network
from emopress.runtime.layers_file import IDF, MODEL, OUTPUT, VECTORS, WIDE, Layer, write_compact
from emopress.runtime.wide import parted

LARGEST_GAP = 1e-4  # of a logit
LENGTHS = (1, 2, 7)  # in tokens, of the texts that the network is held against PyTorch with


def layers_of(weights: Mapping[str, np.ndarray], kernels: list[int]) -> list[Layer]:
    """Return the layers of a checkpoint's weights; of each the rows are its outputs."""
    layers = [Layer(VECTORS, weights["embedding.weight"])]
    for place, size in enumerate(kernels):
        kernel = weights[f"convolutions.{place}.weight"].transpose(0, 2, 1)  # PyTorch: tokens last
        bias = weights[f"convolutions.{place}.bias"]
        layers.append(Layer(f"kernel{size}", kernel.reshape(len(kernel), -1), bias))
    if "wide.weight" in weights:
        layers.append(Layer(IDF, weights[WIDE_IDF][None]))
        layers.append(Layer(WIDE, np.ascontiguousarray(weights["wide.weight"].T)))
    return [*layers, Layer(OUTPUT, weights["output.weight"], weights["output.bias"])]


def model_of(weights: Mapping[str, np.ndarray], facts: Mapping[str, Any]) -> ConvModel:
    """Return the model with the weights of a checkpoint, in evaluation mode."""
    rows, width = weights["embedding.weight"].shape
    model = ConvModel(
        rows=rows,
        classes=len(facts["labels"]),
        width=width,
        filters=len(weights["convolutions.0.bias"]),
        kernels=facts["kernels"],
        pooling=facts["pooling"],
        dropout=0.0,
        embedding_dropout=0.0,
        spread=0.0,
        ngrams=len(weights["wide.weight"]) if "wide.weight" in weights else 0,
    )
    padded = np.pad(weights["embedding.weight"], ((0, 1), (0, 0)))
    arrays = {**weights, "embedding.weight": padded}
    arrays.pop(WIDE_IDF, None)
    model.load_state_dict({name: torch.from_numpy(array) for name, array in arrays.items()})
    return model.eval()


def check_network(network: Network, model: ConvModel, where: Path) -> None:
    """Raise UserError unless numpy gives PyTorch's logits, of each text by itself and in a batch with padding."""
    padding = model.embedding.num_embeddings - 1
    random = torch.Generator().manual_seed(1)
    ids = torch.randint(0, padding, (len(LENGTHS), max(LENGTHS)), generator=random)
    mask = (torch.arange(max(LENGTHS))[None] < torch.tensor(LENGTHS)[:, None]).long()
    ids = ids.where(mask > 0, padding)
    with torch.inference_mode():
        expected = model(ids, mask).logits.numpy()
    found = np.stack([network(row[:n].numpy()) for row, n in zip(ids, LENGTHS, strict=True)])
    gap = float(np.abs(found - expected).max())
    if not gap < LARGEST_GAP:
        raise UserError(f"{where}: exported logits differ from PyTorch's by {gap:.2g}")


def export_conv(checkpoint: Path, out: Path) -> None:
    """Write the fp32 bundle of a convolutional checkpoint; UserError if its logits are not PyTorch's."""
    source, weights = read_checkpoint(checkpoint), load_file(checkpoint / WEIGHTS)
    facts = source.manifest
    tokenizer = Tokenizer.from_file(str(checkpoint / "tokenizer.json"))
    layers = layers_of(weights, facts["kernels"])
    network = Network(
        parted(layers).network, pooling=facts["pooling"], max_length=facts["max_length"]
    )
    check_network(network, model_of(weights, facts), checkpoint)
    with replaced_folder(out) as folder:
        grams = read_json(checkpoint / NGRAMS) if "wide_ngrams" in facts else []
        write_compact(folder / MODEL, [*pieces_of(tokenizer, name="").pieces, *grams], layers)
        exported(folder, source, ("torch", "tokenizers", "numpy"), runtime="conv", weight_bits=32)
