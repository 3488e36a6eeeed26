"""The one training loop and what every training run needs. Passes that cut a checkpoint are in compress."""
