"""Every pass that trains or cuts a checkpoint. Quantization after training is in bundle."""
