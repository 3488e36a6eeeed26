"""Convolutional models, the whole family except prediction (see runtime): training, export."""
