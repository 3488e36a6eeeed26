"""Measurement: predictions, timing, and the summary computed from them."""
