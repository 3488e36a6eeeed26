"""Trains low-rank adapters on a checkpoint (LoRA), its weights in 4 bit if asked (QLoRA), and merges them."""

import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from peft.utils import ModulesToSaveWrapper
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from emopress.artifact import write_json
from emopress.checkpoint import MANIFEST, parent_facts, read_checkpoint
from emopress.compress.derive import write_derived
from emopress.devices import pick_device
from emopress.errors import UserError
from emopress.runtime.four_bits import Linear4bit
from emopress.train.batches import Encoded, logits_of
from emopress.train.finetune import encode_data
from emopress.train.loop import Trainer
from emopress.train.objectives import label_objective
from emopress.train.run import TrainingRun
from emopress.train.thresholds import tuned_for
from emopress.train.transformer import load_transformer, replace_module

PACKAGES = ("peft", "bitsandbytes")
HEAD = ("pooler", "pre_classifier", "classifier", "score")  # what stands before the logits
LAYER = re.compile(r"(^|\.)layers?\.\d+\.")  # encoders say layer, decoders layers
ADAPTER = "default"  # peft's name for the only adapter
COMPARED_TEXTS = 32
LARGEST_GAP = 0.05  # of a logit, between the adapted model and the merged one


class TrainedTensors(nn.Module):
    """A model whose state is its trainable tensors only, so that each epoch's state is small."""

    def __init__(self, model: nn.Module) -> None:
        """Wrap `model`, whose frozen tensors come from elsewhere."""
        super().__init__()
        self.model = model

    def forward(self, **inputs: Tensor) -> Any:
        """Return what the model returns."""
        return self.model(**inputs)

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:  # type: ignore[override]
        """Return the trainable tensors by name."""
        return {n: p.detach() for n, p in self.model.named_parameters() if p.requires_grad}

    def load_state_dict(self, state_dict: Any, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Set the trainable tensors; another set of names is a ValueError."""
        tensors = self.state_dict()
        if tensors.keys() != state_dict.keys():
            raise ValueError("the state is of other adapters")
        for name, tensor in tensors.items():
            tensor.copy_(state_dict[name])


def encoder_linears(model: nn.Module) -> list[str]:
    """Return the names of all linear layers in the layers of the encoder, in order."""
    linears = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    return [name for name in linears if LAYER.search(name)]


def target_layers(names: list[str], targets: list[str]) -> list[str]:
    """Return those of `names` that end in one of `targets`, all without targets.

    A factored layer's two halves (`query.0`, `query.1`) go by the layer's name. UserError if a
    target fits none.
    """
    plain = {name: re.sub(r"\.[01]$", "", name) for name in names}
    for target in targets:
        if not any(f".{name}".endswith(f".{target}") for name in plain.values()):
            allowed = ", ".join(dict.fromkeys(LAYER.split(name)[-1] for name in plain.values()))
            raise UserError(f"targets: no linear layer is called {target!r}; there are {allowed}")
    chosen = [n for n in names if any(f".{plain[n]}".endswith(f".{t}") for t in targets)]
    return chosen if targets else names


def quantize_base(model: nn.Module) -> None:
    """Put every linear layer of the encoder's layers into 4 bits, in place."""
    for name in encoder_linears(model):
        replace_module(model, name, Linear4bit(model.get_submodule(name)))
    model.is_loaded_in_4bit = True  # type: ignore[assignment]  # what peft looks at


def add_adapters(model: nn.Module, step: dict[str, Any]) -> PeftModel:
    """Freeze `model` and return it with trainable adapters and a trainable head.

    Each target computes W x + alpha / rank * B A dropout(x), with A [rank, in] random and B
    [out, rank] zero at the start (Hu et al. 2022, LoRA, section 4.1).
    """
    targets = target_layers(encoder_linears(model), step["targets"])
    head = [name for name in HEAD if any(n.endswith(name) for n, _ in model.named_modules())]
    model.name_or_path = ""  # type: ignore[assignment]  # peft would note the folder of this machine
    config = LoraConfig(
        r=step["rank"],
        lora_alpha=step["alpha"],
        lora_dropout=step["dropout"],
        target_modules=targets,
        modules_to_save=head,
    )
    return get_peft_model(model, config)  # type: ignore[arg-type,return-value]


@torch.no_grad()
def merge(adapted: PeftModel, plain: nn.Module) -> None:
    """Write what `adapted` has learnt, and its 4-bit base, into the checkpoint's own model `plain`.

    W becomes W + alpha / rank * B A, where a 4-bit W is dequantized first; the head is copied.
    """
    modules: dict[str, Any] = dict(adapted.get_base_model().named_modules())
    for name, module in modules.items():
        if isinstance(module, ModulesToSaveWrapper):
            trained = module.modules_to_save[ADAPTER]
            plain.get_submodule(name).load_state_dict(trained.state_dict())
        elif isinstance(module, Linear4bit):
            weight = plain.get_parameter(f"{name.removesuffix('.base_layer')}.weight")
            weight.copy_(module.dequantized())
    for name, module in modules.items():
        if isinstance(module, LoraLayer):
            delta = modules[name].get_delta_weight(ADAPTER).float().cpu()
            plain.get_parameter(f"{name}.weight").add_(delta)


def save_adapters(adapted: PeftModel, folder: Path) -> int:
    """Write adapters and head as peft reads them (safetensors) into `folder`; return the bytes."""
    folder.mkdir()
    tensors = get_peft_model_state_dict(adapted, save_embedding_layers=False)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    save_file(weights, folder / "adapter_model.safetensors")
    settings = adapted.peft_config[ADAPTER].to_dict() | {"inference_mode": True}
    # peft keeps sets, whose order changes from one process to the next
    ordered = {key: sorted(v) if isinstance(v, set) else v for key, v in settings.items()}
    write_json(folder / "adapter_config.json", ordered)
    return sum(path.stat().st_size for path in folder.iterdir())


def train_adapters(
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
    """Train adapters on the checkpoint `parent` as config entry `step` says; write it merged to `out`.

    `out` is a plain checkpoint that any pass can follow; its folder `adapter/` has what was
    trained, for peft. `run` is the job's training run. UserError if a target of
    `step` is no linear layer of the encoder. A large decoder (`runtime: transformers`) is not loaded in
    fp32 and not merged from 4 bits: `train_large_adapters` has its way.
    """
    checkpoint, where = read_checkpoint(parent), pick_device(device)
    origin = parent_facts(parent / MANIFEST)
    tokenizer = Tokenizer.from_file(str(parent / "tokenizer.json"))
    data = encode_data(train, validation, tokenizer, checkpoint.data)
    classes, four_bits = len(checkpoint.labels), step["method"] == "qlora"
    base = load_transformer(parent)
    if four_bits:
        quantize_base(base)
    torch.manual_seed(seed)
    adapted = add_adapters(base, step)
    trainer = Trainer(
        TrainedTensors(adapted),
        label_objective(data.train.labels, step["train"], classes, where),
        step["train"],
        seed=seed,
        identity=run.identity(step=step, seed=seed, texts=data.sha256, parent=origin),
        device=where,
        run=run,
        judge_by=tuned_for(checkpoint.data),
    )
    trainer.fit(data.train, data.validation, classes)
    if not trainer.ranks.first:
        return  # the first process writes
    merged = load_transformer(parent)
    merge(adapted, merged)
    few = Encoded(data.validation.ids[:COMPARED_TEXTS], data.validation.labels, data.train.pad_id)
    before, after = (logits_of(model.to(where), few, where) for model in (adapted, merged))
    gap = float((before - after).abs().max())
    if not gap < LARGEST_GAP:
        raise RuntimeError(f"the merged model's logits are {gap:.3f} off the adapted model's")
    trained = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    findings: dict[str, Any] = {
        "method": step["method"],
        "trainable_params": trained,
        "trainable_share": round(trained / sum(p.numel() for p in merged.parameters()), 6),
        "base_bits": 4 if four_bits else 32,
        "max_merge_gap": gap,
        **{name: version(name) for name in PACKAGES},
    }

    def save(folder: Path) -> None:  # runs before the manifest is written, findings and all
        findings["adapter_size_bytes"] = save_adapters(adapted, folder / "adapter")

    write_derived(
        out,
        merged,
        tokenizer,
        checkpoint,
        step,
        seed=seed,
        findings=findings,
        trainer=trainer,
        extra=save,
    )
