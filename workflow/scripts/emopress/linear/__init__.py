"""Linear models on n-grams, the whole family but for prediction (see runtime): training, export, quantization."""
