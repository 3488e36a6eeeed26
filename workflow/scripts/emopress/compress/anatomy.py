"""Names the parts of BERT, DistilBERT and ELECTRA classifiers in one place, for passes that cut or factor them."""

from dataclasses import dataclass
from typing import Any

from torch import nn

from emopress.errors import UserError

_BERT = (
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "intermediate.dense",
    "output.dense",
)
# model type -> (the list of layers, the names in a layer in the order of Layer's fields)
PARTS = {
    "bert": ("bert.encoder.layer", _BERT),
    "electra": ("electra.encoder.layer", _BERT),
    "distilbert": (
        "distilbert.transformer.layer",
        (
            "attention.q_lin",
            "attention.k_lin",
            "attention.v_lin",
            "attention.out_lin",
            "ffn.lin1",
            "ffn.lin2",
        ),
    ),
}


@dataclass(frozen=True)
class Layer:
    """The module names of one encoder layer: itself and its six linear layers.

    query, key and value are [heads * head size, width], attention_output is [width, heads * head
    size], ffn_in is [neurons, width] and ffn_out is [width, neurons] (weights, [out, in]).
    """

    name: str
    query: str
    key: str
    value: str
    attention_output: str
    ffn_in: str
    ffn_out: str

    @property
    def linears(self) -> tuple[str, ...]:
        """The names of the six linear layers."""
        return (
            self.query,
            self.key,
            self.value,
            self.attention_output,
            self.ffn_in,
            self.ffn_out,
        )


def layers_of(model: Any) -> list[Layer]:
    """Return the encoder layers of a classifier, the first one first."""
    kind = model.config.model_type
    if kind not in PARTS:
        raise UserError(f"a {kind} checkpoint: its layers are not known; known: {', '.join(PARTS)}")
    prefix, parts = PARTS[kind]
    names = [f"{prefix}.{i}" for i in range(model.config.num_hidden_layers)]
    return [Layer(name, *(f"{name}.{part}" for part in parts)) for name in names]


def head_size(model: Any) -> int:
    """Return the width of one attention head, which stays when other heads are cut out."""
    return int(model.config.hidden_size // model.config.num_attention_heads)


def dense(model: nn.Module, name: str, *, step: str) -> nn.Linear:
    """Return the linear layer called `name`; UserError, in the name of pass `step`, if it is factored."""
    module = model.get_submodule(name)
    if not isinstance(module, nn.Linear):
        raise UserError(
            f"pass {step!r}: layer {name} is low-rank factored already; this pass takes dense "
            "layers, so put it before the low-rank pass"
        )
    return module
