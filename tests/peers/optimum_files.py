"""Makes optimum-onnx's files of a checkpoint: fp32, and int8 for AVX512-VNNI, dynamic and static.

    python optimum_files.py CHECKPOINT TEXTS.json OUT

TEXTS.json: the calibration texts. Runs in the peers' environment; every setting is optimum's default.
"""

import json
import sys
from pathlib import Path

from datasets import Dataset
from optimum.onnxruntime import ORTModelForSequenceClassification, ORTQuantizer
from optimum.onnxruntime.configuration import AutoCalibrationConfig, AutoQuantizationConfig
from transformers import AutoTokenizer


def make(checkpoint: Path, texts: list[str], out: Path) -> None:
    """Write the folders fp32, dynamic and static."""
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = ORTModelForSequenceClassification.from_pretrained(checkpoint, export=True)
    model.save_pretrained(out / "fp32")
    tokenizer.save_pretrained(out / "fp32")
    quantizer = ORTQuantizer.from_pretrained(out / "fp32")
    dynamic = AutoQuantizationConfig.avx512_vnni(is_static=False)
    quantizer.quantize(quantization_config=dynamic, save_dir=out / "dynamic")

    static = AutoQuantizationConfig.avx512_vnni(is_static=True)
    rows = [tokenizer(text, truncation=True, return_token_type_ids=True) for text in texts]
    columns = Dataset.from_list([{name: row[name] for name in model.input_names} for row in rows])
    quantizer = ORTQuantizer.from_pretrained(out / "fp32")
    ranges = quantizer.fit(
        dataset=columns,
        calibration_config=AutoCalibrationConfig.minmax(columns),
        onnx_augmented_model_name=out / "augmented.onnx",
        operators_to_quantize=static.operators_to_quantize,
    )
    quantizer.quantize(
        quantization_config=static, save_dir=out / "static", calibration_tensors_range=ranges
    )


if __name__ == "__main__":
    make(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text("utf-8")), Path(sys.argv[3]))
