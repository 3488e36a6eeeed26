"""Low-rank adapters on a classifier: put on, merged into its weights, saved for peft (LoRA; QLoRA on 4-bit weights)."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from peft.tuners.lora import LoraLayer
from peft.utils import ModulesToSaveWrapper
from safetensors.torch import save_file
from torch import Tensor, nn

from emopress.artifact import write_json
from emopress.errors import UserError
from emopress.runtime.four_bits import Linear4bit
from emopress.train.transformer import replace_module

if TYPE_CHECKING:
    from emopress.entries.adapt import Adapt

HEAD = ("pooler", "pre_classifier", "classifier", "score")  # the layers before the logits
LAYER = re.compile(r"(^|\.)layers?\.\d+\.")  # encoders say layer, decoders layers
ADAPTER = "default"  # peft's name for the only adapter


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

    def load_state_dict(self, state_dict: Any, *args: Any, **kwargs: Any) -> None:
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

    A factored layer's two halves (`query.0`, `query.1`) are matched by the layer's name. UserError if a
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


def add_adapters(model: nn.Module, entry: "Adapt") -> PeftModel:
    """Freeze `model` and return it with trainable adapters and a trainable head.

    Each target computes W x + alpha / rank * B A dropout(x), with A [rank, in] random and B
    [out, rank] zero at the start (Hu et al. 2022, LoRA, section 4.1).
    """
    targets = target_layers(encoder_linears(model), entry.targets)
    head = [name for name in HEAD if any(n.endswith(name) for n, _ in model.named_modules())]
    model.name_or_path = ""  # type: ignore[assignment]  # peft would note the folder of this machine
    alpha: Any = int(entry.alpha) if entry.alpha.is_integer() else entry.alpha  # 32, not 32.0
    config = LoraConfig(
        r=entry.rank,
        lora_alpha=alpha,
        lora_dropout=entry.dropout,
        target_modules=targets,
        modules_to_save=head,
    )
    return get_peft_model(model, config)


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


def in_the_heads_dtype(head: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
    """Return the head's input in the precision of its weight (a forward pre-hook)."""
    weight: Any = head.weight
    return (inputs[0].to(weight.dtype),)
