"""The LSTM classifiers in PyTorch: discriminative, and generative (a language model per label)."""

from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emopress.checkpoint import DISCRIMINATIVE, GENERATIVE
from emopress.lstm.weights import LstmWeights

SPREAD = 0.1  # standard deviation of the numbers of a new word vector


class Output(NamedTuple):
    """The output of a model, as the training loop and the objectives read it.

    logits [B, C], none where the true labels were given; token_log_probabilities of a generative
    model, 0 where padded: [B, C, T - 1], with the true labels [B, T - 1] of these alone.
    """

    logits: Tensor | None
    token_log_probabilities: Tensor | None = None


class LstmModel(nn.Module):
    """An embedding, one LSTM layer from left to right and a matrix; see `lstm/weights.py`.

    rows: vocabulary V; outputs: of the matrix, labels C or vocabulary V. `dropout` acts on the
    word vectors and on what the matrix reads. Padding is at the end, where it changes no state of
    a real token.
    """

    kind: str

    def __init__(
        self, *, rows: int, outputs: int, width: int, label_width: int, state: int, dropout: float
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(rows, width)
        nn.init.normal_(self.embedding.weight, std=SPREAD)
        self.lstm = nn.LSTM(width + label_width, state, batch_first=True)
        # PyTorch adds two biases; one is enough. A forget gate that starts open keeps what was read
        # (Jozefowicz, Zaremba, Sutskever 2015, "An empirical exploration of recurrent network
        # architectures").
        biases = dict(self.lstm.named_parameters())
        biases["bias_hh_l0"].requires_grad_(False).zero_()
        with torch.no_grad():
            biases["bias_ih_l0"][state : 2 * state] = 1.0
        self.output = nn.Linear(state, outputs)
        self.dropout = nn.Dropout(dropout)

    def weights(self) -> LstmWeights:
        """Return the weights as numpy arrays, in the names and shapes of a checkpoint."""
        lstm = dict(self.lstm.named_parameters())
        shared = {
            "embedding": self.embedding.weight,
            "input_weight": lstm["weight_ih_l0"].T,
            "recurrent_weight": lstm["weight_hh_l0"].T,
            "bias": lstm["bias_ih_l0"] + lstm["bias_hh_l0"],
            "output_weight": self.output.weight.T,
            "output_bias": self.output.bias,
        }
        return LstmWeights(self.kind, **_arrays(shared), **_arrays(self._own()))

    def _own(self) -> dict[str, Tensor]:
        """Return the weights that this kind alone has."""
        return {}


def _arrays(tensors: dict[str, Tensor]) -> dict[str, np.ndarray]:
    return {
        name: np.ascontiguousarray(value.detach().float().cpu().numpy())
        for name, value in tensors.items()
    }


class Discriminative(LstmModel):
    """Maps token ids [B, T] to logits [B, C]: the mean of the states of a text, times a matrix."""

    kind = DISCRIMINATIVE

    def __init__(self, *, rows: int, classes: int, width: int, state: int, dropout: float) -> None:
        super().__init__(
            rows=rows, outputs=classes, width=width, label_width=0, state=state, dropout=dropout
        )

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Output:
        """Return the logits of a batch; the mask is 1 for tokens, 0 for padding."""
        states, _ = self.lstm(self.dropout(self.embedding(input_ids)))
        kept = attention_mask.unsqueeze(-1).to(states.dtype)
        mean = (states * kept).sum(1) / kept.sum(1)
        return Output(self.output(self.dropout(mean)))


class Generative(LstmModel):
    """Maps token ids [B, T] to log p(text | label) + log p(label), the logits [B, C].

    log_prior [C]: log p(label). The LSTM reads the word vector and the label vector side by
    side; the softmax over the vocabulary is shared by the labels (Yogatama et al. 2017,
    equations 3 and 4).
    """

    kind = GENERATIVE

    def __init__(
        self,
        *,
        rows: int,
        log_prior: Tensor,
        width: int,
        label_width: int,
        state: int,
        dropout: float,
    ) -> None:
        super().__init__(
            rows=rows,
            outputs=rows,
            width=width,
            label_width=label_width,
            state=state,
            dropout=dropout,
        )
        self.label_embedding = nn.Embedding(len(log_prior), label_width)
        # A label is one vector for a whole text: small ones are drowned by the words at first.
        nn.init.normal_(self.label_embedding.weight)
        self.register_buffer("log_prior", log_prior.float())

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor | None = None
    ) -> Output:
        """Score a batch under every label, or under its true `labels` [B] alone, as training does."""
        if labels is not None:
            return Output(None, self._scores(input_ids, attention_mask, labels))
        # Label by label: all at once would hold B x C x T x V numbers.
        scores = [
            self._scores(input_ids, attention_mask, input_ids.new_full((len(input_ids),), label))
            for label in range(len(self.label_embedding.weight))
        ]
        tokens = torch.stack(scores, dim=1)
        return Output(tokens.sum(-1) + self.log_prior, tokens)  # type: ignore[operator]

    def _scores(self, input_ids: Tensor, attention_mask: Tensor, labels: Tensor) -> Tensor:
        """Return log p(token t + 1 | label, tokens to t) [B, T - 1], 0 where padded."""
        words = self.embedding(input_ids[:, :-1])
        label = self.label_embedding(labels).unsqueeze(1).expand(-1, words.shape[1], -1)
        states, _ = self.lstm(torch.cat([self.dropout(words), label], dim=-1))
        kept = attention_mask[:, 1:].bool()
        logits = self.output(self.dropout(states[kept])).float()
        losses = F.cross_entropy(logits, input_ids[:, 1:][kept], reduction="none")
        return losses.new_zeros(kept.shape).masked_scatter(kept, -losses)

    def _own(self) -> dict[str, Tensor]:
        log_prior: Tensor = self.log_prior  # type: ignore[assignment]
        return {"label_embedding": self.label_embedding.weight, "log_prior": log_prior}


def model_of(weights: LstmWeights) -> LstmModel:
    """Return the model with some weights, in evaluation mode."""
    (rows, width), state = weights.embedding.shape, len(weights.recurrent_weight)
    shape = {"rows": rows, "width": width, "state": state, "dropout": 0.0}
    tensors = {name: torch.from_numpy(array) for name, array in weights.arrays().items()}
    model: LstmModel
    if weights.kind == GENERATIVE:
        label_width = tensors["label_embedding"].shape[1]
        model = Generative(log_prior=tensors["log_prior"], label_width=label_width, **shape)
        of_kind = {"log_prior": tensors["log_prior"]}
        of_kind["label_embedding.weight"] = tensors["label_embedding"]
    else:
        model, of_kind = Discriminative(classes=len(weights.output_bias), **shape), {}
    model.load_state_dict(
        {
            "embedding.weight": tensors["embedding"],
            "lstm.weight_ih_l0": tensors["input_weight"].T,
            "lstm.weight_hh_l0": tensors["recurrent_weight"].T,
            "lstm.bias_ih_l0": tensors["bias"],
            "lstm.bias_hh_l0": torch.zeros_like(tensors["bias"]),
            "output.weight": tensors["output_weight"].T,
            "output.bias": tensors["output_bias"],
            **of_kind,
        }
    )
    return model.eval()
