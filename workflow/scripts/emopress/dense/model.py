"""The dense classifier in PyTorch: word vectors, pooled, and dense ReLU layers with dropout."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emopress.runtime.lexicon import AVERAGE


class Output(NamedTuple):
    """The output of a model, as the training loop reads it."""

    logits: Tensor


class DenseModel(nn.Module):
    """Maps entries [B, T] to logits [B, C].

    Entry 0 is padding; the vector of entry i is the mean of the rows `pieces[i]` of `table` [R, D].
    `layers` are the widths of the hidden layers; `dropout` acts on what each layer reads. Averaged
    vectors make a deep averaging network (Iyyer, Manjunatha, Boyd-Graber, Daumé 2015), as does
    `word_dropout`, the share of the words of a training text that are left out at random. With
    pooling `flatten` the vectors of the first `max_length` words are laid side by side.
    """

    def __init__(
        self,
        table: Tensor,
        pieces: Sequence[Sequence[int]],
        *,
        layers: Sequence[int],
        classes: int,
        dropout: float,
        word_dropout: float,
        pooling: str,
        max_length: int,
        trained_vectors: bool,
    ) -> None:
        super().__init__()
        self.vectors = nn.Parameter(table, requires_grad=trained_vectors)
        self.pooling, self.max_length, self.word_dropout = pooling, max_length, word_dropout
        width = table.shape[1] * (1 if pooling == AVERAGE else max_length)
        widths = [width, *layers]
        self.hidden = nn.ModuleList(nn.Linear(a, b) for a, b in zip(widths, layers, strict=False))
        self.output = nn.Linear(widths[-1], classes)
        self.dropout = nn.Dropout(dropout)
        counts = torch.tensor([len(rows) for rows in pieces])
        flat = torch.tensor([row for rows in pieces for row in rows])
        # How words are spelt is not a weight: a checkpoint holds the words instead.
        self.register_buffer("rows", flat, persistent=False)
        self.register_buffer("counts", counts, persistent=False)
        self.register_buffer("starts", counts.cumsum(0) - counts, persistent=False)

    def words(self, entries: Tensor) -> Tensor:
        """Return the vectors [B, T, D] of entries [B, T]; zeros for padding."""
        distinct, place = entries.unique(return_inverse=True)
        counts = self.counts[distinct]  # type: ignore[index]
        offsets = counts.cumsum(0) - counts
        # Position p of the joined rows belongs to the entry in whose span it falls.
        shift = (self.starts[distinct] - offsets).repeat_interleave(counts)  # type: ignore[index]
        rows = self.rows[torch.arange(len(shift), device=shift.device) + shift]  # type: ignore[index]
        return F.embedding_bag(rows, self.vectors, offsets, mode="mean")[place]

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Output:
        """Return the logits of a batch; the mask is 1 for words, 0 for padding."""
        vectors, kept = self.words(input_ids), attention_mask
        if self.training and self.word_dropout:
            kept = kept * (torch.rand(kept.shape, device=kept.device) >= self.word_dropout)
            vectors = vectors * kept.unsqueeze(-1)
        if self.pooling == AVERAGE:
            features = vectors.sum(1) / kept.sum(1, keepdim=True).clamp(min=1)
        else:
            features = F.pad(vectors, (0, 0, 0, self.max_length - vectors.shape[1])).flatten(1)
        for layer in self.hidden:
            features = F.relu(layer(self.dropout(features)))
        return Output(self.output(self.dropout(features)))
