"""From published files to split texts and their card, and published checkpoints fetched. No model is trained here."""
