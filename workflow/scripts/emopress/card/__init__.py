"""The model card of a bundle: what it is, how good it is, what it may be used for."""
