"""Distillation from a teacher's network: its hidden states and attention beside its logits, or its layers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer

from emopress.artifact import sha256_of
from emopress.checkpoint import MANIFEST, parent_facts, read_checkpoint, with_findings
from emopress.compress.anatomy import layer_pairs, student_of_layers
from emopress.compress.inner_losses import (
    UNDROPPED,
    WhiteBoxStudent,
    inner_outputs,
    white_box_objective,
)
from emopress.devices import pick_device, uses_bf16
from emopress.errors import UserError
from emopress.train.batches import encode_data
from emopress.train.finetune import save_transformer, transformer_facts
from emopress.train.lesson import Lesson, checkpoint_folder, taught, train_model
from emopress.train.logits import teacher_facts
from emopress.train.objectives import distillation_objective
from emopress.train.run import TrainingRun
from emopress.train.source import model_source
from emopress.train.splits import read_split
from emopress.train.transformer import build_transformer, count_parameters, load_transformer

if TYPE_CHECKING:
    from emopress.entries.step import Distillation
    from emopress.entries.transformer import TransformerStudent


def require_same_tokens(
    student: Tokenizer, teacher: Tokenizer, train: Path, max_length: int, names: tuple[str, str]
) -> None:
    """Raise UserError if the tokenizers give other ids for a training text; `names`: the pass's, the student's."""
    split = read_split(train)
    encodings = []
    for tokenizer in (student, teacher):
        tokenizer.enable_truncation(max_length)
        tokenizer.no_padding()
        encodings.append(tokenizer.encode_batch(split.texts))
    for name, ours, theirs in zip(split.ids, *encodings, strict=True):
        if ours.ids != theirs.ids:
            raise UserError(
                f"pass {names[0]!r}: student {names[1]!r} and its teacher cut text {name} "
                "into different tokens, whose hidden states and attention cannot be compared; give "
                "the student its teacher's tokenizer, or use layers instead of student"
            )


def distill_whitebox(
    *,
    step: "Distillation[TransformerStudent]",
    data: dict[str, Any],
    seed: int,
    device: str,
    train: Path,
    validation: Path,
    teacher: Path,
    teacher_logits: list[Path],
    run: TrainingRun,
    out: Path,
    pretrained: Path | None = None,
    pretrained_tokenizer: Path | None = None,
    spans: Path | None = None,
    spans_logits: list[Path] | None = None,
) -> None:
    """Distil the checkpoint folder `teacher` as `step` says, and write the student to `out`.

    The student is `step.student`, or made of the teacher's layers `step.entry.layers`.
    `teacher_logits` holds the teacher's own first, then those of further teachers, averaged. Loss:
    alpha soft + (1 - alpha) hard + hidden_weight hidden + attention_weight attention +
    cosine_weight cosine. The teacher's network runs only if one of the three weights is above 0. The joined
    spans `spans`, of which `spans_logits` are the same teachers' logits, have all of these but the hard loss.
    `data` holds DATA_KEYS; `run` is the job's training run.
    """
    entry, built = step.entry, step.student
    parent, where = read_checkpoint(teacher), pick_device(device)
    network: Any = load_transformer(teacher)
    tokenizer = Tokenizer.from_file(str(teacher / "tokenizer.json"))
    torch.manual_seed(seed)
    student: Any
    if built is None:
        student = student_of_layers(network, entry.layers or [], name=step.name)
        base, licences = parent.manifest["base"], []
    else:
        source = model_source(
            built.entry,
            data=data,
            train=train,
            pretrained=pretrained,
            pretrained_tokenizer=pretrained_tokenizer,
        )
        student, base, licences = (
            build_transformer(built.entry, **source.sizes),
            source.base,
            source.licences,
        )
        names = step.name, built.name
        require_same_tokens(source.tokenizer, tokenizer, train, data["max_length"], names)
        tokenizer = source.tokenizer
    texts = encode_data(train, validation, tokenizer, data, spans)
    logits = taught(texts, teacher_logits, spans_logits)
    objective = distillation_objective(texts.train.labels, logits, entry, entry.train, where)
    outputs, pairs, learner = inner_outputs(entry), [], student
    if outputs:
        pairs = layer_pairs(
            entry.layer_map,
            student=student.config.num_hidden_layers,
            teacher=network.config.num_hidden_layers,
            name=step.name,
        )
        if "output_attentions" in outputs:
            student.set_attn_implementation(UNDROPPED)
            network.set_attn_implementation(UNDROPPED)
        learner = WhiteBoxStudent(student, pairs, network.config.hidden_size, entry)
        bf16 = uses_bf16(entry.train.precision, where)
        objective = white_box_objective(
            objective, learner, network.to(where), pairs, entry, bf16=bf16
        )
    learnt = Lesson(
        objective,
        entry.train,
        [*parent.manifest["recipe"], step.recorded],
        parent_facts(teacher / MANIFEST),
        (
            *parent.manifest["licences"],
            *(name for path in teacher_logits for name in teacher_facts(path)["licences"]),
            *licences,
        ),
        tuple(map(sha256_of, [*teacher_logits, *(spans_logits or [])])),
    )
    trainer = train_model(
        learner,
        learnt,
        texts,
        data,
        seed=seed,
        device=where,
        run=run,
        entry=built.recorded if built else None,
        base=base,
        tokenizer=tokenizer.to_str(),
    )
    measured = {
        "student_layers": built.name if built else entry.layers,
        "layer_map": [list(pair) for pair in pairs],
        "params": count_parameters(student)[0],
    }
    inherited = parent.manifest.get("findings", {}) if built is None else {}
    facts = {
        **transformer_facts(student),
        **data,
        "recipe": learnt.recipe,
        "findings": with_findings(inherited, step.name, measured),
        "seed": seed,
        "parent": learnt.parent,
        "base": base,
        "licences": sorted(set(learnt.licences)),
        "data_sha256": texts.sha256,
    }
    with checkpoint_folder(out, trainer, facts) as folder:
        save_transformer(folder, student, tokenizer, max_length=data["max_length"])
