"""The losses inside the network of white-box distillation: on hidden states and on attention, layer by layer."""

from collections.abc import Callable
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

from emopress.train.loop import Objective
from emopress.train.losses import attention_loss, cosine_loss, hidden_loss

if TYPE_CHECKING:
    from emopress.entries.distill import Distill

HIDDEN_STATES, ATTENTIONS = "hidden_states", "attentions"
UNDROPPED = "emopress-undropped"
# (student, teacher, mask) -> scalar
InnerLoss = Callable[[Tensor, Tensor, Tensor], Tensor]


def inner_losses(distill: "Distill") -> list[tuple[float, str, InnerLoss]]:
    """Return the losses that a distillation weighs: their weights, what of a network's output they compare."""
    losses: list[tuple[float, str, InnerLoss]] = [  # a new loss is a line here
        (distill.hidden_weight, HIDDEN_STATES, hidden_loss),
        (distill.cosine_weight, HIDDEN_STATES, cosine_loss),
        (distill.attention_weight, ATTENTIONS, attention_loss),
    ]
    return [(weight, part, loss) for weight, part, loss in losses if weight > 0]


def undropped_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """Return the output [B, T, H, D] of eager attention and its distributions before their dropout.

    transformers returns them after it, with zeros where a teacher's are not zero: they are distributions no
    longer, and KL(teacher || student) is infinite.
    """
    scores = torch.matmul(query, key.transpose(2, 3)) * scaling
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = F.softmax(scores, dim=-1)
    dropped = F.dropout(weights, p=dropout, training=module.training)
    return torch.matmul(dropped, value).transpose(1, 2).contiguous(), weights


AttentionInterface.register(UNDROPPED, undropped_attention)
AttentionMaskInterface.register(UNDROPPED, eager_mask)


class WhiteBoxStudent(nn.Module):
    """A student with one projection per layer pair, to the teacher's width, learned with it.

    While training its output holds the hidden states and attentions that the weights of `distill` ask for.
    A projection between equal widths begins as the identity.
    """

    def __init__(
        self, student: nn.Module, pairs: list[tuple[int, int]], width: int, distill: "Distill"
    ) -> None:
        super().__init__()
        self.student = student
        self.outputs = inner_outputs(distill)
        narrow: int = student.config.hidden_size  # type: ignore[union-attr,assignment]
        count = len(pairs) if self.outputs.get("output_hidden_states") else 0
        self.projections = nn.ModuleList(nn.Linear(narrow, width) for _ in range(count))
        if narrow == width:
            for projection in self.projections:
                nn.init.eye_(projection.weight)  # type: ignore[arg-type]
                nn.init.zeros_(projection.bias)  # type: ignore[arg-type]

    def forward(self, **inputs: Tensor) -> Any:
        """Return the student's output."""
        return self.student(**inputs, **(self.outputs if self.training else {}))


def inner_outputs(distill: "Distill") -> dict[str, bool]:
    """Return the options that make a forward pass give what the weights of `distill` need beside logits."""
    return {f"output_{part}": True for _, part, _ in inner_losses(distill)}


def white_box_objective(
    response: Objective,
    learner: WhiteBoxStudent,
    teacher: nn.Module,
    pairs: list[tuple[int, int]],
    distill: "Distill",
    *,
    bf16: bool,
) -> Objective:
    """Return `response` (soft and hard loss) plus the weighted losses inside the network.

    Each of these is a mean over the layer pairs, so that its weight means the same for a student
    of any depth. The teacher runs in evaluation mode on the student's own inputs.
    """
    losses = [(weight / len(pairs), part, loss) for weight, part, loss in inner_losses(distill)]

    def objective(
        output: Any, inputs: dict[str, Tensor], indices: list[int], progress: float
    ) -> Tensor:
        total = response(output, inputs, indices, progress)
        mask = inputs["attention_mask"]
        autocast = torch.autocast(mask.device.type, torch.bfloat16) if bf16 else nullcontext()
        with torch.no_grad(), autocast:
            target = teacher(**inputs, **learner.outputs)
        for place, pair in enumerate(pairs):
            for weight, part, loss in losses:
                layers = zip((output, target), pair, strict=True)
                ours, theirs = (layer_of(part, model, layer) for model, layer in layers)
                if part == HIDDEN_STATES:
                    ours = learner.projections[place](ours)
                total = total + weight * loss(ours, theirs, mask)
        return total

    return objective


def layer_of(part: str, output: Any, layer: int) -> Tensor:
    """Return what `layer` (from 0) of a network gave as `part` of its output, in fp32.

    The first of the hidden states is the embeddings' output.
    """
    tensor: Tensor = output[part][layer + (part == HIDDEN_STATES)]
    return tensor.float()
