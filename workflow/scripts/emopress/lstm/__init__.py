"""LSTM classifiers, discriminative and generative: training, weights, graphs and quantization."""
