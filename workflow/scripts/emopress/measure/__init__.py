"""Predictions, timing, statistics and the choice of a variant, from bundles on disk. Text and figures are in report."""
