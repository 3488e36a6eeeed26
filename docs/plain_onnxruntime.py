"""Predicts with a bundle in plain ONNX Runtime, without emopress: python plain_onnxruntime.py BUNDLE TEXT

For a bundle whose bundle.json says "runtime": "onnxruntime" and not "packed": true.
"""

import json
import sys
from pathlib import Path

import numpy
import onnxruntime
from tokenizers import Tokenizer

folder, text = sys.argv[1:]
facts = json.loads(Path(folder, "bundle.json").read_text(encoding="utf-8"))
tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
tokenizer.enable_truncation(facts["max_length"])
options = onnxruntime.SessionOptions()
options.add_session_config_entry(
    "session.x64quantprecision", "1"
)  # exact int8 on CPUs without VNNI
session = onnxruntime.InferenceSession(f"{folder}/model.onnx", options)
# Joining the words is all that "normalise": "none" means. Where it says "bengali", tokenize
# emopress.data.normalise.normalise_text(text, "bengali"), which is pure Python: a model that was
# trained on one spelling of a letter does not know the others.
tokens = tokenizer.encode(" ".join(text.split()))
inputs = {"input_ids": tokens.ids, "attention_mask": tokens.attention_mask}
logits = session.run(["logits"], {name: numpy.array([ids]) for name, ids in inputs.items()})[0][0]
weights = numpy.exp(logits - logits.max())
print(facts["labels"][weights.argmax()], weights.max() / weights.sum())
