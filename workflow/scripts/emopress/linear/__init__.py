"""Linear models on n-grams, the whole family except prediction (see runtime): training, export, quantization."""
