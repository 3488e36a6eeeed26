"""The convolutional classifier in PyTorch: word vectors, convolutions side by side, pooling and a matrix."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emopress.runtime.convolution import MAX, MEAN, beside

# Of a checkpoint whose model has a wide part: the file of its n-grams, and their idf among the weights.
NGRAMS, WIDE_IDF = "ngrams.json", "wide.idf"


class Output(NamedTuple):
    """The output of a model, as the training loop reads it."""

    logits: Tensor


class ConvModel(nn.Module):
    """Maps token ids [B, T] to logits [B, C] (Kim 2014, "Convolutional neural networks for sentence classification").

    Id `rows` is padding, a vector of zeros; so is what stands beside a text. Each kernel of width k has `filters`
    filters over k tokens, a ReLU after them; `pooling` names what is kept of a filter's values at the tokens of a
    text: their maximum, their mean or both, maxima first. `embedding_dropout` acts on the word vectors, `dropout` on
    what the matrix reads; `spread` is the standard deviation of the numbers of a new word vector.

    `ngrams` is how many n-grams the wide part knows, whose logits are added; it begins with zeros. 0: it has none.
    """

    def __init__(
        self,
        *,
        rows: int,
        classes: int,
        width: int,
        filters: int,
        kernels: Sequence[int],
        pooling: str,
        dropout: float,
        embedding_dropout: float,
        spread: float,
        ngrams: int = 0,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(rows + 1, width, padding_idx=rows)
        with torch.no_grad():
            self.embedding.weight[:rows].normal_(std=spread)
        self.convolutions = nn.ModuleList(nn.Conv1d(width, filters, kernel) for kernel in kernels)
        self.kernels, self.pooling, self.padding = list(kernels), pooling, rows
        self.output = nn.Linear(len(kernels) * filters * len(pooling.split("+")), classes)
        if ngrams:
            self.wide = nn.EmbeddingBag(ngrams, classes, mode="sum")
            nn.init.zeros_(self.wide.weight)
        self.dropout = nn.Dropout(dropout)
        self.embedding_dropout = nn.Dropout(embedding_dropout)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        ngrams: Tensor | None = None,
        ngram_values: Tensor | None = None,
        ngram_starts: Tensor | None = None,
    ) -> Output:
        """Return the logits of a batch, whose ids say what is padding; of a text without tokens those of zeros.

        `ngrams`, `ngram_values` and `ngram_starts` are what the wide part reads (`conv.wide_texts.WithNgrams`); without
        them it is left out.
        """
        vectors = self.embedding_dropout(self.embedding(input_ids)).transpose(1, 2)
        values = torch.cat(
            [
                F.relu(convolution(F.pad(vectors, beside(kernel))))
                for kernel, convolution in zip(self.kernels, self.convolutions, strict=True)
            ],
            dim=1,
        )
        # A text without tokens is one padding.
        kept = input_ids.ne(self.padding).unsqueeze(1).to(values.dtype)
        values = values * kept  # none is negative, so that 0 is no maximum above those of the text
        features = []
        if MAX in self.pooling:
            features.append(values.amax(2))
        if MEAN in self.pooling:
            features.append(values.sum(2) / kept.sum(2).clamp(min=1))
        logits = self.output(self.dropout(torch.cat(features, dim=1)))
        if ngrams is not None:
            logits = logits + self.wide(ngrams, ngram_starts, per_sample_weights=ngram_values)
        return Output(logits)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the weights as float32 arrays, as a checkpoint has them: without the vector of padding."""
        named = {name: value.detach().float().cpu() for name, value in self.state_dict().items()}
        named["embedding.weight"] = named["embedding.weight"][:-1]
        return {name: np.ascontiguousarray(value.numpy()) for name, value in named.items()}
