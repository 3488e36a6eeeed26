"""Which device torch computes on, and in which precision. Torch is imported on use."""

from typing import TYPE_CHECKING

from emopress.errors import UserError

if TYPE_CHECKING:
    import torch


def pick_device(name: str) -> "torch.device":
    """Return the device for `auto`, `cpu` or `cuda`; each of several processes that train together gets its own."""
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise UserError(
            "device: cuda is requested, but torch finds no CUDA device; use auto or cpu"
        )
    if name == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cuda")


def uses_bf16(precision: str, device: "torch.device") -> bool:
    """Decide on bf16 autocast; `auto` means: where the device has bf16 arithmetic."""
    import torch

    if precision != "auto":
        return precision == "bf16"
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
