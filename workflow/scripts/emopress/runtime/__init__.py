"""Prediction from a bundle on disk: onnxruntime, tokenizers and numpy, never torch."""
