"""LSTM models, the whole family but for prediction (see runtime): training, export, quantization."""
