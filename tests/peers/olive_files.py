"""Makes Microsoft Olive's int8 files of an ONNX graph: transformer optimization, then dynamic or static quantization.

    python olive_files.py FP32 TEXTS.json OUT

FP32: a folder with config.json, the tokenizer and model.onnx (of optimum-onnx). TEXTS.json: the calibration texts.
Runs in the peers' environment. Settings are Olive's defaults, but for a scale per channel.
"""

import json
import os
import sys
from pathlib import Path

os.environ["OLIVE_DISABLE_TELEMETRY"] = "1"

import onnx
from olive.data.registry import Registry
from olive.workflows import run
from torch.utils.data import Dataset
from transformers import AutoConfig, AutoTokenizer


class Texts(Dataset):
    """Calibration texts as inputs of the graph, each of its own length, and a label that nobody reads."""

    def __init__(self, folder: Path, texts: list[str]) -> None:
        graph = onnx.load(folder / "model.onnx").graph
        names = [each.name for each in graph.input]
        tokenizer = AutoTokenizer.from_pretrained(folder)
        settings = {"truncation": True, "return_tensors": "pt", "return_token_type_ids": True}
        rows = [tokenizer(text, **settings) for text in texts]
        self.rows = [{name: row[name][0] for name in names} for row in rows]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, row: int) -> tuple[dict, int]:
        return self.rows[row], 0


def make(folder: Path, texts: list[str], out: Path) -> None:
    """Write the folders dynamic and static."""
    Registry.register_dataset("texts")(lambda **_: Texts(folder, texts))
    config = AutoConfig.from_pretrained(folder)
    optimize = {
        "type": "OrtTransformersOptimization",
        "model_type": "bert",
        "num_heads": config.num_attention_heads,
        "hidden_size": config.hidden_size,
    }
    kinds = {
        "dynamic": {"type": "OnnxDynamicQuantization", "per_channel": True},
        "static": {"type": "OnnxStaticQuantization", "per_channel": True, "data_config": "texts"},
    }
    for name, quantize in kinds.items():
        run(
            {
                "input_model": {"type": "OnnxModel", "model_path": str(folder / "model.onnx")},
                "data_configs": [
                    {"name": "texts", "load_dataset_config": {"type": "texts"},
                     "dataloader_config": {"params": {"batch_size": 1}}}
                ],
                "passes": {"optimize": optimize, "quantize": quantize},
                "cache_dir": str(out / "cache"),
                "output_dir": str(out / name),
            }
        )  # fmt: skip


if __name__ == "__main__":
    make(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text("utf-8")), Path(sys.argv[3]))
