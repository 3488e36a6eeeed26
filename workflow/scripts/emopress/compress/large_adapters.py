"""Trains adapters on a large decoder: on its bf16 weights, then merged, or on 4-bit ones, then shipped beside them.

A LoRA pass writes the merged weights in bf16. A QLoRA pass writes the 4-bit weights that it trained on,
and the adapters beside them: merging would make 16 bits of them again.
"""

from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from tokenizers import Tokenizer

from emopress.artifact import replaced_folder
from emopress.checkpoint import (
    ADAPTER,
    MANIFEST,
    Checkpoint,
    parent_facts,
    read_checkpoint,
    with_findings,
)
from emopress.compress.adapters import (
    COMPARED_TEXTS,
    PACKAGES,
    TrainedTensors,
    add_adapters,
    save_adapters,
)
from emopress.devices import pick_device, uses_bf16
from emopress.runtime.large_decoder import load_decoder
from emopress.train.batches import Encoded, logits_of
from emopress.train.finetune import encode_data
from emopress.train.large import write_large
from emopress.train.loop import Trainer
from emopress.train.objectives import label_objective
from emopress.train.run import TrainingRun
from emopress.train.thresholds import tuned_for


def in_the_heads_dtype(head: torch.nn.Module, inputs: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
    """Return the head's input in the precision of its weight (a forward pre-hook)."""
    weight: Any = head.weight
    return (inputs[0].to(weight.dtype),)


def merged_in_bf16(adapted: PeftModel) -> Any:
    """Return the plain model with the adapters merged into its weights, rounded to bf16 once."""
    model: Any = adapted.merge_and_unload()
    return model.to(torch.bfloat16)


def largest_gap(logits: torch.Tensor) -> float:
    """Return how far a merged model's logits may be off the adapted one's `logits`, both [N, C].

    bf16 has 8 significant bits, a relative error of 2^-9 at each rounding; over a model's layers 32 such
    errors are allowed, of the largest logit or of 4, whichever is more.
    """
    return 2**-4 * max(4.0, float(logits.abs().max()))


def inherited(parent: Checkpoint) -> dict[str, Any]:
    """Return what a child's manifest takes over from its parent's."""
    kept = ("base", "licences", "data_sha256")
    return {**parent.data, **{key: parent.manifest[key] for key in kept}}


def train_large_adapters(
    *,
    parent: Path,
    step: dict[str, Any],
    seed: int,
    device: str,
    train: Path,
    validation: Path,
    run: TrainingRun,
    out: Path,
) -> None:
    """Train adapters on the checkpoint `parent` of a large decoder as config entry `step` says.

    lora: the base in bf16 (fp32 where the training's precision is), merged and written in bf16.
    qlora: the base quantized to NF4 while it is read, written in 4 bits with the adapters beside it.
    `adapter/` has what was trained either way, for peft. UserError as in `train_adapters`.
    """
    checkpoint, where = read_checkpoint(parent), pick_device(device)
    tokenizer = Tokenizer.from_file(str(parent / "tokenizer.json"))
    data = encode_data(train, validation, tokenizer, checkpoint.data)
    classes, four_bits = len(checkpoint.labels), step["method"] == "qlora"
    bf16 = uses_bf16(step["train"]["precision"], where)
    dtype = torch.bfloat16 if bf16 else torch.float32
    base = load_decoder(parent, dtype=dtype, device=where, four_bits=four_bits)
    base.score.float()  # trained in fp32, whatever stands before it computes in
    base.score.register_forward_pre_hook(in_the_heads_dtype)
    torch.manual_seed(seed)
    adapted = add_adapters(base, step)
    trainer = Trainer(
        TrainedTensors(adapted),
        label_objective(data.train.labels, step["train"], classes, where),
        step["train"],
        seed=seed,
        identity=run.identity(
            step=step, seed=seed, texts=data.sha256, parent=parent_facts(parent / MANIFEST)
        ),
        device=where,
        run=run,
        judge_by=tuned_for(checkpoint.data),
    )
    trainer.fit(data.train, data.validation, classes)
    if not trainer.ranks.first:
        return  # the first process writes
    trained = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    known = checkpoint.manifest["params"]
    findings: dict[str, Any] = {
        "method": step["method"],
        "trainable_params": trained,
        "trainable_share": round(trained / known, 6),
        "base_bits": 4 if four_bits else 16 if bf16 else 32,
        **{name: version(name) for name in PACKAGES},
    }
    few = Encoded(data.validation.ids[:COMPARED_TEXTS], data.validation.labels, data.train.pad_id)
    with replaced_folder(out) as folder:
        findings["adapter_size_bytes"] = save_adapters(adapted, folder / ADAPTER)
        if four_bits:
            beside = trained - base.score.weight.numel()
            plain: Any = adapted.unload()
            plain.save_pretrained(folder)
        else:
            beside = 0
            before = logits_of(adapted, few, where)
            plain = merged_in_bf16(adapted)
            after = logits_of(plain.to(dtype), few, where)
            gap, allowed = float((before - after).abs().max()), largest_gap(before)
            if not gap < allowed:
                raise RuntimeError(
                    f"the merged model's logits are {gap:.3f} off the adapted model's; "
                    f"rounding to bf16 explains {allowed:.3f}"
                )
            findings["max_merge_gap"] = gap
            plain.to(torch.bfloat16).save_pretrained(folder)
        write_large(
            folder,
            tokenizer,
            trainer.history,
            {
                **inherited(checkpoint),
                **trainer.thresholds,
                "recipe": [*checkpoint.manifest["recipe"], step],
                "findings": with_findings(
                    checkpoint.manifest.get("findings", {}), step["name"], findings
                ),
                "seed": seed,
                "parent": parent_facts(parent / MANIFEST),
                "params": known + beside,
                "nonzero_params": checkpoint.manifest["nonzero_params"] + beside,
                "weight_bits": 4 if four_bits else 16,
                "trained_on": trainer.facts(),
            },
        )
    trainer.forget()
