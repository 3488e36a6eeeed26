"""The report's tables, as Markdown."""
