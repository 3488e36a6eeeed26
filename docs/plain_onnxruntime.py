"""Predicts with a bundle in plain ONNX Runtime, without emopress: python plain_onnxruntime.py BUNDLE TEXT

For a bundle whose bundle.json says "runtime": "onnxruntime" and lists no packed.npz (or codes.npz, of older
ones) among its "files": weights beside the graph, which then does not open here (`emopress export --onnx` writes
a file that does). Embedding tables in int8 or int4 are read by an operator of ONNX Runtime's own
(GatherBlockQuantized), in 8 bits since 1.23. Where bundle.json says "texts_per_call": 1, as of LSTMs in few bits,
give one text a call, as here: the graph has no attention_mask.
"""

import json
import sys
from pathlib import Path

import onnxruntime
from numpy import array
from tokenizers import Tokenizer

folder, text = sys.argv[1:]
facts = json.loads(Path(folder, "bundle.json").read_text(encoding="utf-8"))
tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
tokenizer.enable_truncation(facts["max_length"])
options = onnxruntime.SessionOptions()
# Processors without VNNI are exact in int8 with this option; those with it are so without, and faster.
cpu = Path("/proc/cpuinfo")
if not (cpu.exists() and {"avx512_vnni", "avx_vnni"} & set(cpu.read_text().split())):
    options.add_session_config_entry("session.x64quantprecision", "1")
session = onnxruntime.InferenceSession(f"{folder}/model.onnx", options)
# Joining the words is all that "normalise": "none" means. Where it says "bengali", tokenize
# emopress.runtime.normalise.normalise_text(text, "bengali"), which is pure Python: a model that was
# trained on one spelling of a letter does not know the others.
tokens = tokenizer.encode(" ".join(text.split()))
given = {"input_ids": tokens.ids, "attention_mask": tokens.attention_mask}
inputs = {wanted.name: array([given[wanted.name]]) for wanted in session.get_inputs()}
# Logits; their softmax is the probabilities. Where bundle.json says "task": "multi" the sigmoid of each
# is, and a text has the labels whose probability is their number in "thresholds" there, or more.
print(dict(zip(facts["labels"], session.run(["logits"], inputs)[0][0].tolist(), strict=True)))
