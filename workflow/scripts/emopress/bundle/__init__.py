"""Bundles, what a user ships: export of checkpoints and post-training quantization."""
