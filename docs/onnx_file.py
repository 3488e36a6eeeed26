"""Predicts with a file that `emopress export --onnx` wrote: python onnx_file.py MODEL.onnx TEXT

How a text is cut is Python of emopress (ngrams.py, lexicon.py, wordpiece.py and normalise.py of its runtime), which
other languages must do alike; all else is numpy and ONNX Runtime. Prints the logit of each label.
"""

import json
import sys
from collections import Counter

import numpy as np
import onnxruntime

from emopress.runtime.lexicon import Lexicon
from emopress.runtime.ngrams import analyzer
from emopress.runtime.normalise import normalise_text
from emopress.runtime.wordpiece import WordPiece

path, text = sys.argv[1:]
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
known = session.get_modelmeta().custom_metadata_map
facts, vocabulary = json.loads(known["emopress"]), known["vocabulary"].split("\n")
text = normalise_text(text, facts["normalise"])
if (
    facts["runtime"] == "linear"
):  # which of the n-grams that it knows are in the text, and how often
    index = {ngram: i for i, ngram in enumerate(vocabulary)}
    ngrams = analyzer(facts["analyzer"], facts["ngrams"])(text)
    counts = Counter(index[each] for each in ngrams if each in index) or {0: 0}
    ids, numbers = np.array([list(counts)]), np.array([list(counts.values())], dtype=np.float32)
    inputs = {"ids": ids, "counts": numbers}
elif facts["runtime"] == "conv":  # the numbers of the pieces of its words
    names = ("lowercase", "strip_accents", "max_length")
    ids = WordPiece(vocabulary, **{name: facts[name] for name in names}).array(text)[None]
    mask = np.ones_like(ids) if ids.size else np.zeros((1, 1), dtype=np.int64)
    inputs = {"input_ids": ids if ids.size else mask, "attention_mask": mask}
else:  # dense: the rows of each word's vectors, and the share of each row in it; 0 where there is none
    lexicon = Lexicon(vocabulary, buckets=facts["buckets"], ngrams=facts["ngrams"])
    words = lexicon.cut(text, facts["max_length"])
    places = facts["max_length"] if facts["pooling"] == "flatten" else max(len(words), 1)
    rows = np.zeros((1, places, max([1, *map(len, words)])), dtype=np.int64)
    shares = np.zeros(rows.shape, dtype=np.float32)
    for place, word in enumerate(words):
        rows[0, place, : len(word)], shares[0, place, : len(word)] = word, 1 / len(word)
    inputs = {"rows": rows, "shares": shares}
(logits,) = session.run(["logits"], inputs)
print(dict(zip(facts["labels"], logits[0].tolist(), strict=True)))
