"""Prediction from a bundle, without torch; text normalisation too, since every shipped model needs it."""
