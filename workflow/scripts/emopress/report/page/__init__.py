"""The interactive report: one HTML file that opens from disk and needs no network."""
