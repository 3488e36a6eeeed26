"""The transformer architectures that there is code for, by transformers' names of their model types."""

ENCODERS = ("bert", "distilbert", "electra")
DECODERS = ("gemma", "mistral", "llama")  # they read a text's class off its last token
ARCHITECTURES = (*ENCODERS, *DECODERS)
