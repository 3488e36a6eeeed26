"""The model card of a bundle, and its upload to the Hub."""
