"""Makes NNCF's int8 file of a checkpoint, as OpenVINO's documentation does: PyTorch -> OpenVINO -> nncf.quantize.

    python nncf_files.py CHECKPOINT TEXTS.json OUT

TEXTS.json: the calibration texts. Runs in the peers' environment; every setting is NNCF's default for transformers.
"""

import json
import sys
from pathlib import Path

import nncf
import openvino
import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer


def make(checkpoint: Path, texts: list[str], out: Path) -> None:
    """Write the folders fp32 and int8."""
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    network = AutoModelForSequenceClassification.from_pretrained(checkpoint).eval()
    inputs = {name: torch.ones(1, 8, dtype=torch.int64) for name in ("input_ids", "attention_mask")}
    model = openvino.convert_model(network, example_input=inputs)
    openvino.save_model(model, out / "fp32" / "model.xml", compress_to_fp16=False)
    tokenizer.save_pretrained(out / "fp32")
    feeds = [
        {name: value for name, value in tokenizer(text, truncation=True, return_tensors="np").items()
         if name in inputs}
        for text in texts
    ]  # fmt: skip
    quantized = nncf.quantize(
        model,
        nncf.Dataset(feeds),
        model_type=nncf.ModelType.TRANSFORMER,
        subset_size=len(feeds),
    )
    openvino.save_model(quantized, out / "int8" / "model.xml", compress_to_fp16=False)
    tokenizer.save_pretrained(out / "int8")


if __name__ == "__main__":
    make(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text("utf-8")), Path(sys.argv[3]))
