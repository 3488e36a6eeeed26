"""Which published checkpoints there is code for: transformers' names of their model types and weights."""

ENCODERS = ("bert", "distilbert", "electra")
DECODERS = ("gemma", "mistral", "llama")  # they read a text's class off its last token
ARCHITECTURES = (*ENCODERS, *DECODERS)

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"  # of weights in shards: which tensor is in which file
