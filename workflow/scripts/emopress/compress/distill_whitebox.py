"""Distillation from a teacher's network: its hidden states and attention beside its logits, or its layers."""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from emopress.artifact import sha256_of
from emopress.checkpoint import (
    MANIFEST,
    Checkpoint,
    parent_facts,
    read_checkpoint,
    with_findings,
)
from emopress.compress.anatomy import layer_pairs, student_of_layers
from emopress.compress.attention import UNDROPPED
from emopress.devices import pick_device
from emopress.errors import UserError
from emopress.train.data import read_split
from emopress.train.finetune import (
    NewModel,
    encode_data,
    new_model,
    write_trained,
)
from emopress.train.lesson import read_teachers
from emopress.train.logits import teacher_facts
from emopress.train.loop import Objective, Trainer, uses_bf16
from emopress.train.losses import attention_loss, cosine_loss, hidden_loss
from emopress.train.objectives import distillation_objective
from emopress.train.run import TrainingRun
from emopress.train.thresholds import tuned_for
from emopress.train.transformer import count_parameters, load_transformer


class WhiteBoxStudent(nn.Module):
    """A student with one projection per layer pair, to the teacher's width, learned with it.

    While training its output holds the hidden states and attentions that `step`'s weights ask for.
    A projection between equal widths begins as the identity.
    """

    def __init__(
        self, student: nn.Module, pairs: list[tuple[int, int]], width: int, step: dict[str, Any]
    ) -> None:
        super().__init__()
        self.student = student
        self.wanted = wanted_outputs(step)
        own: int = student.config.hidden_size  # type: ignore[union-attr,assignment]
        count = len(pairs) if self.wanted["output_hidden_states"] else 0
        self.projections = nn.ModuleList(nn.Linear(own, width) for _ in range(count))
        if own == width:
            for projection in self.projections:
                nn.init.eye_(projection.weight)  # type: ignore[arg-type]
                nn.init.zeros_(projection.bias)  # type: ignore[arg-type]

    def forward(self, **inputs: Tensor) -> Any:
        """Return the student's output."""
        return self.student(**inputs, **(self.wanted if self.training else {}))


def wanted_outputs(step: dict[str, Any]) -> dict[str, bool]:
    """Return what a forward pass must give beside the logits, for the weights of `step`."""
    return {
        "output_hidden_states": step["hidden_weight"] > 0 or step["cosine_weight"] > 0,
        "output_attentions": step["attention_weight"] > 0,
    }


def white_box_objective(
    response: Objective,
    learner: WhiteBoxStudent,
    teacher: nn.Module,
    pairs: list[tuple[int, int]],
    step: dict[str, Any],
    *,
    bf16: bool,
) -> Objective:
    """Return `response` (soft and hard loss) plus the weighted losses inside the network.

    Each of these is a mean over the layer pairs, so that its weight means the same for a student
    of any depth. The teacher runs in evaluation mode on the student's own inputs.
    """
    hidden, attention, cosine = (
        step[f"{name}_weight"] / len(pairs) for name in ("hidden", "attention", "cosine")
    )

    def objective(
        output: Any, inputs: dict[str, Tensor], indices: list[int], progress: float
    ) -> Tensor:
        loss = response(output, inputs, indices, progress)
        mask = inputs["attention_mask"]
        autocast = torch.autocast(mask.device.type, torch.bfloat16) if bf16 else nullcontext()
        with torch.no_grad(), autocast:
            model = teacher(**inputs, **learner.wanted)
        for place, (one, other) in enumerate(pairs):
            if learner.projections:
                # The first of the hidden states is the embeddings' output.
                own = learner.projections[place](output.hidden_states[one + 1].float())
                target = model.hidden_states[other + 1].float()
                loss = loss + hidden * hidden_loss(own, target, mask)
                loss = loss + cosine * cosine_loss(own, target, mask)
            if attention:
                rows = output.attentions[one].float(), model.attentions[other].float()
                loss = loss + attention * attention_loss(*rows, mask)
        return loss

    return objective


def require_same_tokens(
    student: Tokenizer, teacher: Tokenizer, train: Path, max_length: int, step: dict[str, Any]
) -> None:
    """Raise UserError if the tokenizers give other ids for a training text."""
    split = read_split(train)
    encodings = []
    for tokenizer in (student, teacher):
        tokenizer.enable_truncation(max_length)
        tokenizer.no_padding()
        encodings.append(tokenizer.encode_batch(split.texts))
    for name, own, other in zip(split.ids, *encodings, strict=True):
        if own.ids != other.ids:
            raise UserError(
                f"pass {step['name']!r}: student {step['student']!r} and its teacher cut text {name} "
                "into different tokens, whose hidden states and attention cannot be compared; give "
                "the student its teacher's tokenizer, or use layers instead of student"
            )


def _new_student(
    entry: dict[str, Any] | None,
    step: dict[str, Any],
    source: Checkpoint,
    teacher: nn.Module,
    train: Path,
    **how: Any,
) -> NewModel:
    """Return the student: layers of its teacher, or the model of `entry` with the same tokens."""
    tokenizer = Tokenizer.from_file(str(source.folder / "tokenizer.json"))
    if entry is None:
        model = student_of_layers(teacher, step["layers"], name=step["name"])
        return NewModel(model, tokenizer, source.manifest["base"])
    student = new_model(entry, train=train, **how)
    require_same_tokens(student.tokenizer, tokenizer, train, how["data"]["max_length"], step)
    return student


def distill_whitebox(
    *,
    entry: dict[str, Any] | None,
    step: dict[str, Any],
    data: dict[str, Any],
    seed: int,
    device: str,
    train: Path,
    validation: Path,
    pretrained: Path | None,
    pretrained_tokenizer: Path | None,
    teacher: Path,
    teacher_logits: list[Path],
    run: TrainingRun,
    out: Path,
) -> None:
    """Distil the checkpoint folder `teacher` as config entry `step` says, and write the student to `out`.

    The student is the model of config entry `entry`, or `step["layers"]` of the teacher.
    `teacher_logits` holds the teacher's own first, then those of further teachers, averaged. Loss:
    alpha soft + (1 - alpha) hard + hidden_weight hidden + attention_weight attention +
    cosine_weight cosine. The teacher's network runs only if one of the three weights is above 0.
    `data` holds DATA_KEYS; `run` is the job's training run.
    """
    source = read_checkpoint(teacher)
    network: Any = load_transformer(teacher)
    torch.manual_seed(seed)
    new = _new_student(
        entry,
        step,
        source,
        network,
        train,
        data=data,
        pretrained=pretrained,
        pretrained_tokenizer=pretrained_tokenizer,
    )
    student: Any = new.model
    encoded = encode_data(train, validation, new.tokenizer, data)
    where, classes = pick_device(device), len(data["labels"])
    logits = read_teachers(teacher_logits, ids=encoded.train_ids)
    objective = distillation_objective(encoded.train.labels, logits, step, where)
    wanted, pairs, learner = wanted_outputs(step), [], student
    if any(wanted.values()):
        pairs = layer_pairs(
            step["layer_map"],
            student=student.config.num_hidden_layers,
            teacher=network.config.num_hidden_layers,
            name=step["name"],
        )
        if wanted["output_attentions"]:
            student.set_attn_implementation(UNDROPPED)
            network.set_attn_implementation(UNDROPPED)
        learner = WhiteBoxStudent(student, pairs, network.config.hidden_size, step)
        bf16 = uses_bf16(step["train"]["precision"], where)
        objective = white_box_objective(
            objective, learner, network.to(where), pairs, step, bf16=bf16
        )
    origin = parent_facts(teacher / MANIFEST)
    identity = run.identity(
        entry=entry,
        step=step,
        data=data,
        seed=seed,
        texts=encoded.sha256,
        parent=origin,
        teachers=[sha256_of(path) for path in teacher_logits],
        base=new.base,
        tokenizer=new.tokenizer.to_str(),
    )
    trainer = Trainer(
        learner,
        objective,
        step["train"],
        seed=seed,
        identity=identity,
        device=where,
        run=run,
        judge_by=tuned_for(data),
    )
    trainer.fit(encoded.train, encoded.validation, classes)
    findings = {
        "student_layers": list(step["layers"]) if entry is None else step["student"],
        "layer_map": [list(pair) for pair in pairs],
        "params": count_parameters(student)[0],
    }
    inherited = source.manifest.get("findings", {}) if entry is None else {}
    facts = {
        **data,
        "recipe": [*source.manifest["recipe"], step],
        "findings": with_findings(inherited, step["name"], findings),
        "seed": seed,
        "parent": origin,
        "base": new.base,
        "licences": sorted(
            {
                *source.manifest["licences"],
                *(name for path in teacher_logits for name in teacher_facts(path)["licences"]),
                *(new.licences if entry else []),
            }
        ),
        "data_sha256": encoded.sha256,
    }
    write_trained(out, student, new.tokenizer, trainer, facts)
