"""Word vectors and dense layers: a small classifier and its own quantization."""
