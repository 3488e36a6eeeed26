"""Exports transformer checkpoints as bundles: to ONNX in fp32, or of a large decoder as they are."""

import logging
import warnings
from pathlib import Path
from typing import Any

import onnx
import torch
from tokenizers import Tokenizer

from emopress.artifact import linked_or_copied, replaced_folder
from emopress.bundle.export_check import check_export
from emopress.bundle.manifest import exported
from emopress.bundle.nodes import read_weights_themselves
from emopress.bundle.shapes import fix_shapes
from emopress.checkpoint import ADAPTER, DECODERS, HEAD, read_checkpoint, runs_in_transformers
from emopress.errors import UserError
from emopress.train.tokenizer import copy_tokenizer, pad_id
from emopress.train.transformer import load_transformer

OPSET = 17
SHIPPED = ("config.json", HEAD, "tokenizer*.json", "model*.safetensors", "model*.index.json")


def export(checkpoint: Path, out: Path) -> None:
    """Write the bundle of a transformer checkpoint: of a large decoder its weights, of any other an ONNX graph."""
    make = export_decoder if runs_in_transformers(checkpoint) else export_transformer
    make(checkpoint, out)


class Logits(torch.nn.Module):
    """A classifier whose inputs are ids and mask [B, T] (int64), and whose output is logits [B, C].

    An encoder is given what it would make of them in some seventy nodes, a twentieth of a small model's time:
    what the mask adds to attention scores [B, 1, 1, T], and, where there are token types, the first of them for
    every token, [B, 1].
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.decoder = model.config.model_type in DECODERS  # which masks later tokens too
        self.typed = getattr(model.config, "type_vocab_size", 0) > 0

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        if self.decoder:
            return self.model(input_ids=input_ids, attention_mask=attention_mask).logits
        seen = attention_mask[:, None, None, :].bool()
        lowest = torch.tensor(torch.finfo(torch.float32).min)
        scores = torch.where(seen, torch.tensor(0.0), lowest)
        # Computed, or the exporter would look the row up and passes would find no table to quantize.
        types = {"token_type_ids": 0 * input_ids[:, :1]} if self.typed else {}
        return self.model(input_ids=input_ids, attention_mask=scores, **types).logits


def export_transformer(checkpoint: Path, out: Path) -> None:
    """Write the fp32 ONNX bundle of a transformer checkpoint.

    The graph takes input_ids and attention_mask [B, T] (int64) and gives logits [B, C]. The
    TorchScript exporter with eager attention is used: the only setting measured whose attention
    ONNX Runtime can fuse. UserError if the graph's logits differ from PyTorch's.
    """
    source = read_checkpoint(checkpoint)
    model = load_transformer(checkpoint, attention="eager")
    config: Any = model.config
    labels = [config.id2label[i] for i in range(config.num_labels)]
    if labels != source.labels:
        raise UserError(f"{checkpoint}: config.json has labels {labels}, not {source.labels}")

    graph = Logits(model).eval()  # a new module is in training mode, which would switch dropout on
    padding = pad_id(Tokenizer.from_file(str(checkpoint / "tokenizer.json")))
    example = torch.randint(0, config.vocab_size, (2, 7), generator=torch.manual_seed(0))
    mask = torch.tensor([[1] * 7, [1] * 4 + [0] * 3])
    with replaced_folder(out) as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # tracing warns of shapes that the dynamic axes cover
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            graph,
            (example, mask),
            str(folder / "model.onnx"),
            dynamo=False,
            opset_version=OPSET,
            input_names=["input_ids", "attention_mask"],
            output_names=["logits"],
            dynamic_axes={
                "input_ids": {0: "batch", 1: "tokens"},
                "attention_mask": {0: "batch", 1: "tokens"},
                "logits": {0: "batch"},
            },
        )
        written = onnx.load(folder / "model.onnx")
        read_weights_themselves(written)
        fix_shapes(written, config.vocab_size)
        onnx.save(written, folder / "model.onnx")
        check_export(
            folder / "model.onnx",
            lambda ids, mask: model(input_ids=ids, attention_mask=mask).logits,
            config.vocab_size,
        )
        copy_tokenizer(checkpoint, folder)
        exported(
            folder,
            source,
            ("torch", "transformers", "onnx", "onnxruntime"),
            runtime="onnxruntime",
            pad_id=padding,
            weight_bits=32,
        )


def export_decoder(checkpoint: Path, out: Path) -> None:
    """Write the bundle of a checkpoint whose runtime is transformers, its files linked, not written again.

    Adapters are shipped if the weights are in 4 bits; otherwise they have been merged.
    """
    source = read_checkpoint(checkpoint)
    padding = pad_id(Tokenizer.from_file(str(checkpoint / "tokenizer.json")))
    four_bits = source.manifest["weight_bits"] == 4
    with replaced_folder(out) as folder:
        for path in sorted(path for pattern in SHIPPED for path in checkpoint.glob(pattern)):
            linked_or_copied(path, folder / path.name)
        if four_bits:
            (folder / ADAPTER).mkdir()
            for path in sorted((checkpoint / ADAPTER).iterdir()):
                linked_or_copied(path, folder / ADAPTER / path.name)
        packages = ("torch", "transformers", "accelerate", "tokenizers", "safetensors")
        more = ("bitsandbytes", "peft") if four_bits else ()
        exported(folder, source, packages + more, pad_id=padding)
