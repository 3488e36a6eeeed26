"""The parts of BERT, DistilBERT and ELECTRA classifiers by name, and students made of a teacher's layers."""

import copy
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from emopress.errors import UserError
from emopress.train.transformer import fit_to_weights

NUMBERED = re.compile(r"^(.+\.layer\.)(\d+)(\..+)$")  # bert.encoder.layer.3.output.dense.weight
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


def layer_pairs(
    layer_map: str | Sequence[Sequence[int]], *, student: int, teacher: int, name: str
) -> list[tuple[int, int]]:
    """Return (student layer, teacher layer) for each layer that learns; the first layer is 0.

    `student` and `teacher` are their numbers of layers. `uniform`: layer i of S learns from layer
    round((i + 1) L / S) - 1 of L, halves rounded up, so that the last learns from the last (the
    uniform strategy of Jiao et al. 2020, TinyBERT). `last`: from the last S. UserError, in the name
    of pass `name`, if a layer does not exist.
    """
    if layer_map == "uniform":
        nearest = ((2 * (i + 1) * teacher + student) // (2 * student) - 1 for i in range(student))
        return [(i, max(0, layer)) for i, layer in enumerate(nearest)]
    if layer_map == "last":
        if student > teacher:
            raise UserError(
                f"pass {name!r}: layer_map last, but its student has {student} layers and its "
                f"teacher {teacher}; use uniform or pairs [student, teacher]"
            )
        return [(i, teacher - student + i) for i in range(student)]
    if isinstance(layer_map, str):
        raise ValueError(f"unknown layer map {layer_map!r}")
    pairs = [(int(one), int(other)) for one, other in layer_map]
    for column, (who, count) in enumerate((("student", student), ("teacher", teacher))):
        for pair in pairs:
            if not 0 <= pair[column] < count:
                raise UserError(
                    f"pass {name!r}: layer_map names {who} layer {pair[column]}; "
                    f"its {who} has layers 0 to {count - 1}"
                )
    return pairs


def renumbered(weights: dict[str, Tensor], layers: Sequence[int]) -> dict[str, Tensor]:
    """Return the weights of a model with `layers` alone, in that order, by their new names.

    All that belongs to no layer (embeddings, pooler, head) stays.
    """
    places = {layer: place for place, layer in enumerate(layers)}
    result = {}
    for name, value in weights.items():
        match = NUMBERED.match(name)
        if not match:
            result[name] = value
        elif int(match[2]) in places:
            result[f"{match[1]}{places[int(match[2])]}{match[3]}"] = value
    return result


def student_of_layers(teacher: Any, layers: Sequence[int], *, name: str) -> nn.Module:
    """Return a new classifier that has these layers of `teacher`, its embeddings and its head.

    The teacher's own shapes are kept, of cut and low-rank layers too. UserError, in the name of
    pass `name`, if the teacher lacks one of the layers.
    """
    count = teacher.config.num_hidden_layers
    for layer in layers:
        if not 0 <= layer < count:
            raise UserError(
                f"pass {name!r}: layers names layer {layer}; its teacher has layers 0 to {count - 1}"
            )
    config = copy.deepcopy(teacher.config)
    config.num_hidden_layers = len(layers)
    student = type(teacher)(config)
    weights = {key: value.clone() for key, value in teacher.state_dict().items()}
    weights = renumbered(weights, layers)
    fit_to_weights(student, weights)
    student.load_state_dict(weights)
    return student.float()
