"""Training: tokenizers, encoders, losses and the one loop that fine-tuning and distillation share."""
