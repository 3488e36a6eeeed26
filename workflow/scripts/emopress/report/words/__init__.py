"""The report's sentences: answers, cautions, what a test shows."""
