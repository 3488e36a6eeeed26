"""Export of transformers, changes to a bundle (quantization, packing, OpenVINO) and manifests. Nothing here trains."""
