"""emopress: compress text emotion classifiers and judge honestly what that cost."""
