"""Export of transformers to ONNX and quantization after training; the manifest of every bundle. Nothing here trains."""
