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
    "weights that are cut off in their header": (
        {"model.safetensors": WEIGHTS[:20]},
        ": model.safetensors is not a safetensors file or is cut off (20 bytes); fetch it again",
    ),
    "a web page for the weights": (
        {"model.safetensors": b"<html>not found</html>"},
        ": model.safetensors is not a safetensors file or is cut off (22 bytes); fetch it again",
    ),
    "a pointer of git-lfs for the weights": (
        {"model.safetensors": b"version https://git-lfs.github.com/spec/v1\n"},
        ": model.safetensors is not a safetensors file or is cut off (43 bytes); fetch it again",
    ),
    "a pickle called model.safetensors": (
        {"model.safetensors": b"\x80\x04\x95" + b"c__builtin__\neval\n."},
        ": model.safetensors is not a safetensors file or is cut off (22 bytes); fetch it again",
    ),
    "a config.json that is cut off": (
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
    "a quantized checkpoint": (
        {
            "config.json": b'{"model_type": "bert", "vocab_size": 3, "quantization_config": {"quant_method": "gptq"}}'
        },
        ": config.json says that its weights are quantized (gptq); take the checkpoint that it was made of",
    ),
    "adapters without their model": (
        {"model.safetensors": None, "adapter_config.json": b"{}"},
        " has adapters (adapter_config.json), which are not read; merge them into their base model (peft's "
        "merge_and_unload), save it whole and use a mirror: --config mirror=DIR reads DIR/models/m/",
    ),
    "adapters beside their model": (
        {"adapter_config.json": b"{}"},
        " has adapters (adapter_config.json), which are not read; merge them into their base model (peft's "
        "merge_and_unload), save it whole and use a mirror: --config mirror=DIR reads DIR/models/m/",
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
    "a tokenizer.json that is cut off": (
        {"tokenizer.json": TOKENIZER[:30].encode()},
        ": tokenizer.json is damaged (Expecting ',' delimiter: line 1 column 31 (char 30))",
    ),
}

# what is wrong -> (what the hub answers or whether it is there, the line)
HUBS = {
    "a repository that does not exist": (
        "RepoNotFound",
        f"model 'm': there is no hub repository a/b; correct `hub` in the config, {HINT}",
    ),
    "a revision that does not exist": (
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
    "a download that is cut off again and again": (
        "breaks",
        f"model 'm': cannot download hub repository a/b at {COMMIT} (RemoteProtocolError: peer closed connection "
        "without sending complete message body (received … bytes, expected …)); try again, " + HINT,
    ),
}
CLASSIFIERS = {  # what is wrong -> (config.json's labels, None: without; the line)
    "a classifier with another number of labels": (
        ["good", "bad"],
        "{path}: a classifier of 2 labels (good, bad), the data set has 3 (joy, fear, love); fine-tune it "
        "(train.epochs), or give the data set its labels",
    ),
    "a classifier with other labels": (
        ["love", "joy", "anger"],
        "{path}: a classifier of 3 labels (love, joy, anger), the data set has 3 (joy, fear, love); fine-tune it "
        "(train.epochs), or give the data set its labels, or give the data set's names for its rows, in their "
        "order, as `labels` of the model",
    ),
    "a classifier whose labels have no names": (
        None,
        "{path}: its config.json gives its 3 labels no names, or contradicting ones, so their order is not known; "
        "give them as `labels` of the model, in the order of its head, or fine-tune it (train.epochs)",
    ),
}


def _without(ending):
    def change(config, tensors):
        for name in [name for name in tensors if name.endswith(ending)]:
            del tensors[name]

    return change


def _resized(name, *shape):
    def change(config, tensors):
        tensors[name] = tensors[name].new_ones(shape)

    return change


def _said(**changes):
    return lambda config, tensors: config.update(changes)


def _renamed(old, new):
    def change(config, tensors):
        for name in [name for name in tensors if old in name]:
            tensors[name.replace(old, new)] = tensors.pop(name)

    return change


def _twice(config, tensors):
    tensors["_orig_mod.embeddings.LayerNorm.bias"] = tensors["embeddings.LayerNorm.bias"].clone()


def _overflown(config, tensors):
    tensors["embeddings.LayerNorm.bias"][3] = float("inf")


def _quantized(config, tensors):
    import torch

    name = "encoder.layer.0.attention.self.key.weight"
    tensors[name] = tensors[name].to(torch.int8)


UNFIT = "{path}: the weights do not fit config.json; "
QUERY = "bert.encoder.layer.0.attention.self.query"
# what is wrong -> (what is done to config.json and the weights of a small BERT, the line)
MISFITS = {
    "a tensor is missing": (
        _without("0.output.dense.bias"),
        UNFIT + "missing 1: bert.encoder.layer.0.output.dense.bias",
    ),
    "an unexpected tensor": (
        _renamed("0.output.dense.bias", "0.output.dense.shift"),
        UNFIT + "missing 1: bert.encoder.layer.0.output.dense.bias; "
        "surplus 1: encoder.layer.0.output.dense.shift",
    ),
    "more layers in config.json than in the weights": (
        _said(num_hidden_layers=2),
        UNFIT + "missing 16: bert.encoder.layer.1.attention.output.LayerNorm.bias, "
        "bert.encoder.layer.1.attention.output.LayerNorm.weight, "
        "bert.encoder.layer.1.attention.output.dense.bias and 13 more",
    ),
    "fewer layers in config.json than in the weights": (
        _renamed("layer.0", "layer.1"),
        UNFIT + "missing 16: bert.encoder.layer.0.attention.output.LayerNorm.bias, "
        "bert.encoder.layer.0.attention.output.LayerNorm.weight, "
        "bert.encoder.layer.0.attention.output.dense.bias and 13 more; "
        "surplus 16: encoder.layer.1.attention.output.LayerNorm.bias, "
        "encoder.layer.1.attention.output.LayerNorm.weight, "
        "encoder.layer.1.attention.output.dense.bias and 13 more",
    ),
    "more positions in config.json than in the weights": (
        _said(max_position_embeddings=32),
        UNFIT
        + "of another shape 1: bert.embeddings.position_embeddings.weight [16, 8] for [32, 8]",
    ),
    "another number of words than config.json says": (
        _resized("embeddings.word_embeddings.weight", 24, 8),
        UNFIT + "of another shape 1: bert.embeddings.word_embeddings.weight [24, 8] for [20, 8]",
    ),
    "tensors that ZeRO-3 left empty": (
        _resized("encoder.layer.0.attention.self.query.weight", 0),
        UNFIT
        + f"of another shape 1: {QUERY}.weight [0] for [8, 8]; tensors of size 0 are what DeepSpeed's ZeRO-3 "
        "leaves: gather them (zero_to_fp32.py)",
    ),
    "weights with adapters in them": (
        _renamed("self.query", "self.query.base_layer"),
        UNFIT + f"missing 2: {QUERY}.bias, {QUERY}.weight; "
        "surplus 2: encoder.layer.0.attention.self.query.base_layer.bias, "
        "encoder.layer.0.attention.self.query.base_layer.weight; adapters are not read: merge them (peft's "
        "merge_and_unload) and save the model again",
    ),
    "a tensor by two names": (
        _twice,
        "{path}: its weights have the same tensor twice: _orig_mod.embeddings.LayerNorm.bias, "
        "embeddings.LayerNorm.bias",
    ),
    "weights that overflowed": (
        _overflown,
        "{path}: embeddings.LayerNorm.bias has numbers that are not finite; the checkpoint is of a failed "
        "training run, or was converted to fp16",
    ),
    "a config.json that transformers does not read": (
        _said(num_attention_heads=3),
        "{path}: config.json cannot be used (ValueError: The hidden size (8) is not a multiple of the number of "
        "attention heads (3))",
    ),
    "a config.json with a text for a number": (
        _said(vocab_size="20"),
        "{path}: config.json cannot be used (StrictDataclassFieldValidationError: Validation error for field "
        "'vocab_size': TypeError: Field 'vocab_size' expected int, got str (value: '20'))",
    ),
    "weights in whole numbers": (
        _quantized,
        "{path}: encoder.layer.0.attention.self.key.weight is stored in int8: a quantized checkpoint; take the one "
        "that it was made of",
    ),
}
