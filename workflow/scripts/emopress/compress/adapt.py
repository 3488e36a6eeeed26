"""The passes LoRA and QLoRA: adapters trained on a checkpoint, on its weights in 4 bit for QLoRA, and merged into it.

A large decoder (`runtime: transformers`) is neither loaded nor merged in fp32. LoRA trains on its bf16
weights and writes the merged ones in bf16. QLoRA writes the 4-bit weights that it trained on, and the
adapters beside them: merging would turn them into 16 bits again.
"""

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from peft import PeftModel
from torch import Tensor, nn

from emopress.checkpoint import ADAPTER, runs_in_transformers
from emopress.compress.derive import Child
from emopress.compress.lora import (
    TrainedTensors,
    add_adapters,
    in_the_heads_dtype,
    merge,
    quantize_base,
    save_adapters,
)
from emopress.devices import pick_device, uses_bf16
from emopress.runtime.large_decoder import load_decoder
from emopress.train.batches import Encoded, Texts, logits_of
from emopress.train.large import large_facts
from emopress.train.lesson import checkpoint_folder
from emopress.train.loop import Trainer
from emopress.train.run import TrainingRun
from emopress.train.tokenizer import save_tokenizer
from emopress.train.transformer import load_transformer

if TYPE_CHECKING:
    from emopress.entries.adapt import Adapt
    from emopress.entries.step import Step

COMPARED_TEXTS = 32
LARGEST_GAP = 0.05  # of a logit, between the adapted model and the merged one in fp32


def adapt(
    *,
    parent: Path,
    step: "Step[Adapt]",
    seed: int,
    device: str,
    train: Path,
    validation: Path,
    run: TrainingRun,
    out: Path,
) -> None:
    """Train adapters on the checkpoint `parent` as config entry `step` says; write it merged to `out`.

    `out` is a checkpoint that any pass can follow; its folder `adapter/` has what was trained, for peft.
    `run` is the job's training run. UserError if a target of `step` is not a linear layer of the model.
    """
    entry = step.entry
    large, where, four_bits = (
        runs_in_transformers(parent),
        pick_device(device),
        entry.method == "qlora",
    )
    bf16 = large and uses_bf16(entry.train.precision, where)
    dtype = torch.bfloat16 if bf16 else torch.float32
    base: Any
    if large:
        base = load_decoder(parent, dtype=dtype, device=where, four_bits=four_bits)
        base.score.float()  # trained in fp32, whatever the layers before it compute in
        base.score.register_forward_pre_hook(in_the_heads_dtype)
    else:
        base = load_transformer(parent)
        if four_bits:
            quantize_base(base)
    child = Child(parent, step, seed=seed, model=base)
    texts = child.encode(train, validation)
    torch.manual_seed(seed)
    adapted = add_adapters(base, entry)
    trainer = child.train(TrainedTensors(adapted), texts, entry.train, run, device=where)
    if not trainer.ranks.first:
        return  # the first process writes
    trained = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    findings: dict[str, Any] = {
        "method": entry.method,
        "trainable_params": trained,
        "trainable_share": round(trained / child.parent.manifest["params"], 6),
        "base_bits": 4 if four_bits else torch.finfo(dtype).bits,
        **{name: version(name) for name in ("peft", "bitsandbytes")},
    }
    if large:
        write_large(child, adapted, texts, trainer, findings, out, four_bits=four_bits, dtype=dtype)
    else:
        write_merged(child, adapted, texts, trainer, findings, out)


def write_merged(
    child: Child,
    adapted: PeftModel,
    texts: Texts,
    trainer: Trainer,
    findings: dict[str, Any],
    out: Path,
) -> None:
    """Merge the adapters into the weights of their parent in fp32 and write the child to `out`."""
    child.model = load_transformer(child.parent.folder)
    merge(adapted, child.model)
    before, after = (
        few_logits(m.to(trainer.device), texts, trainer) for m in (adapted, child.model)
    )
    findings["max_merge_gap"] = checked_gap(before, after, LARGEST_GAP)

    def save(folder: Path) -> None:  # runs before the manifest is written, findings and all
        findings["adapter_size_bytes"] = save_adapters(adapted, folder / ADAPTER)

    child.write(out, findings, trainer, extra=save)


def write_large(
    child: Child,
    adapted: PeftModel,
    texts: Texts,
    trainer: Trainer,
    findings: dict[str, Any],
    out: Path,
    *,
    four_bits: bool,
    dtype: torch.dtype,
) -> None:
    """Write a large decoder with its adapters beside its 4-bit weights, or merged into bf16 ones, to `out`."""
    parent = child.parent.manifest
    added = findings["trainable_params"] - child.model.score.weight.numel() if four_bits else 0
    facts = {
        **large_facts(),
        **child.facts,
        "params": parent["params"] + added,
        "nonzero_params": parent["nonzero_params"] + added,
        "weight_bits": 4 if four_bits else 16,
    }
    with checkpoint_folder(out, trainer, facts) as folder:
        findings["adapter_size_bytes"] = save_adapters(adapted, folder / ADAPTER)
        if four_bits:
            plain: Any = adapted.unload()
            plain.save_pretrained(folder)
        else:
            before = few_logits(adapted, texts, trainer)
            plain = merged_in_bf16(adapted)
            after = few_logits(plain.to(dtype), texts, trainer)
            findings["max_merge_gap"] = checked_gap(before, after, largest_gap(before))
            plain.to(torch.bfloat16).save_pretrained(folder)
        save_tokenizer(child.tokenizer, folder, max_length=child.parent.data["max_length"])
        facts["findings"] = child.findings(findings)


def few_logits(model: nn.Module, texts: Texts, trainer: Trainer) -> Tensor:
    """Return a model's logits for the first validation texts."""
    ids = texts.validation.ids[:COMPARED_TEXTS]
    few = Encoded(ids, texts.validation.labels, texts.train.pad_id)
    return logits_of(model, few, trainer.device)


def checked_gap(before: Tensor, after: Tensor, allowed: float) -> float:
    """Return the largest difference of logits; RuntimeError if merging has changed one by more than `allowed`."""
    gap = float((before - after).abs().max())
    if not gap < allowed:
        raise RuntimeError(
            f"the merged model's logits are {gap:.3f} off the adapted model's; "
            f"rounding explains {allowed:.3f}"
        )
    return gap


def merged_in_bf16(adapted: PeftModel) -> Any:
    """Return the plain model with the adapters merged into its weights, rounded to bf16 once."""
    model: Any = adapted.merge_and_unload()
    return model.to(torch.bfloat16)


def largest_gap(logits: Tensor) -> float:
    """Return how far a merged model's logits may be off the adapted one's `logits`, both [N, C].

    bf16 has 8 significant bits, a relative error of 2^-9 at each rounding; over a model's layers 32 such
    errors are allowed, of the largest logit or of 4, whichever is more.
    """
    return 2**-4 * max(4.0, float(logits.abs().max()))
