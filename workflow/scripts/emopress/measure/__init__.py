"""Predictions, timing, statistics and the choice of a variant, from bundles on disk. Words are in report."""
