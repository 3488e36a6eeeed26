"""Bad checkpoints and hubs: what is wrong, how it comes about, and the line that says it."""

import json

COMMIT = "c" * 40


def safetensors(size):
    """Return a safetensors file of one tensor of `size` bytes."""
    header = json.dumps({"w": {"dtype": "U8", "shape": [size], "data_offsets": [0, size]}}).encode()
    return len(header).to_bytes(8, "little") + header + b"\0" * size


WEIGHTS = safetensors(100_000)
TOKENIZER = json.dumps({"model": {"type": "WordPiece", "vocab": {"[PAD]": 0, "[UNK]": 1, "a": 2}}})
GOOD = {
    "config.json": b'{"model_type": "bert", "vocab_size": 3}',
    "model.safetensors": WEIGHTS,
    "tokenizer.json": TOKENIZER.encode(),
}
HINT = "or use a mirror: --config mirror=DIR reads DIR/models/m/"
BY_HAND = (
    "pin a revision that has it (on the hub often the commit of a conversion pull request), or convert it "
    "once elsewhere (from_pretrained, then save_pretrained) and use a mirror: --config mirror=DIR reads DIR/models/m/"
)

# what is wrong -> (files that differ, None where they are absent; the line, after what it is about)
CHECKPOINTS = {
    "weights as pickle only": (
        {"model.safetensors": None, "pytorch_model.bin": b"\x80\x04."},
        " has no model.safetensors, and pickle checkpoints (pytorch_model.bin) are never loaded; "
        + BY_HAND,
    ),
    "no config.json": ({"config.json": None}, " has no config.json"),
    "no tokenizer": ({"tokenizer.json": None}, " has neither tokenizer.json nor vocab.txt"),
    "half of the weights": (
        {"model.safetensors": WEIGHTS[: len(WEIGHTS) // 2]},
        f": model.safetensors has {len(WEIGHTS) // 2} bytes, its header says {len(WEIGHTS)}; "
        "it is not whole: fetch it again",
    ),
    "weights that break off in their header": (
        {"model.safetensors": WEIGHTS[:20]},
        ": model.safetensors is no safetensors file, or a part of one (20 bytes); fetch it again",
    ),
    "a web page for the weights": (
        {"model.safetensors": b"<html>not found</html>"},
        ": model.safetensors is no safetensors file, or a part of one (22 bytes); fetch it again",
    ),
    "a pointer of git-lfs for the weights": (
        {"model.safetensors": b"version https://git-lfs.github.com/spec/v1\n"},
        ": model.safetensors is no safetensors file, or a part of one (43 bytes); fetch it again",
    ),
    "a pickle called model.safetensors": (
        {"model.safetensors": b"\x80\x04\x95" + b"c__builtin__\neval\n."},
        ": model.safetensors is no safetensors file, or a part of one (22 bytes); fetch it again",
    ),
    "a config.json that breaks off": (
        {"config.json": b'{"model_type": "be'},
        ": config.json is damaged (Unterminated string starting at: line 1 column 16 (char 15))",
    ),
    "a config.json without an architecture": (
        {"config.json": b"{}"},
        ": config.json names no model_type; allowed: bert, distilbert, electra, gemma, mistral, llama",
    ),
    "an architecture that is not known": (
        {"config.json": b'{"model_type": "gpt2"}'},
        ": config.json is of a gpt2 checkpoint; allowed: bert, distilbert, electra, gemma, mistral, llama",
    ),
    "a checkpoint that brings its own code": (
        {"config.json": b'{"model_type": "x", "auto_map": {"AutoConfig": "x.C"}}', "x.py": b"1"},
        ": config.json is of a x checkpoint; allowed: bert, distilbert, electra, gemma, mistral, llama; "
        "code in a repository (auto_map) is never run",
    ),
    "a tokenizer of another checkpoint": (
        {"config.json": b'{"model_type": "bert", "vocab_size": 2}'},
        ": the tokenizer has 3 entries, the embeddings have 2 rows (config.json); it belongs to another checkpoint",
    ),
    "a tokenizer.json that breaks off": (
        {"tokenizer.json": TOKENIZER[:30].encode()},
        ": tokenizer.json is damaged (Expecting ',' delimiter: line 1 column 31 (char 30))",
    ),
}

# what is wrong -> (what the hub answers or whether it is there, the line)
HUBS = {
    "a repository that is not there": (
        "RepoNotFound",
        f"model 'm': there is no hub repository a/b; correct `hub` in the config, {HINT}",
    ),
    "a revision that is not there": (
        "RevisionNotFound",
        f"model 'm': hub repository a/b has no revision {COMMIT}; correct `revision` in the config, {HINT}",
    ),
    "a gated repository": (
        "GatedRepo",
        "model 'm': hub repository a/b: no access (HTTP status 403): it is gated, private or not there; accept its "
        "terms on https://huggingface.co/a/b with your account, then put a token of that account that may read it "
        f"into the environment variable HF_TOKEN, {HINT}",
    ),
    "no network": (
        None,
        "model 'm': no connection to the hub for repository a/b ([Errno 111] Connection refused); "
        f"try again with a network, {HINT}",
    ),
    "a download that breaks off again and again": (
        "breaks",
        f"model 'm': cannot download hub repository a/b at {COMMIT} (RemoteProtocolError: peer closed connection "
        "without sending complete message body (received … bytes, expected …)); try again, " + HINT,
    ),
}
CLASSIFIERS = {
    "a classifier of another number of labels": (
        ["good", "bad"],
        "{path}: a classifier of 2 labels (good, bad), the data set has 3 (joy, fear, love); fine-tune it "
        "(train.epochs), or give the data set its labels, in that order",
    ),
    "a classifier whose labels come in another order": (
        ["love", "joy", "fear"],
        "{path}: a classifier of 3 labels (love, joy, fear), the data set has 3 (joy, fear, love); fine-tune it "
        "(train.epochs), or give the data set its labels, in that order",
    ),
}
