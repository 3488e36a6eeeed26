"""Dense models on word vectors, the whole family but for prediction (see runtime): training, export, quantization."""
