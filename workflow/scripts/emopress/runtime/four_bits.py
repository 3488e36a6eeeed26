"""The linear layer with a 4-bit weight that training and prediction share: the same on every processor."""

from typing import Any

import bitsandbytes
import torch
from torch import Tensor, nn

BLOCK = 64  # weights that share a scale (QLoRA, section 3)


class Linear4bit(bitsandbytes.nn.Linear4bit):
    """A frozen linear layer with its weight in 4-bit NF4, its scales quantized too.

    (Dettmers et al. 2023, QLoRA: 4-bit NormalFloat and double quantization.) It computes in what
    nn.Linear would compute in: autocast's type, else that of its input. bitsandbytes' own layer, in
    evaluation on a CPU with AVX512-BF16, packs its weight for a bf16 kernel, and it stays packed: it
    refuses widths that the kernel's blocks do not divide, computes in bf16 whatever is asked, has no
    gradient any more, and its scales are other ones when they are saved. On a GPU its kernels serve
    here too.
    """

    weight: Any

    def __init__(self, source: Any) -> None:
        """Quantize the linear layer `source`, on the CPU, so that every device trains on the same weights."""
        super().__init__(  # type: ignore[no-untyped-call]
            source.in_features, source.out_features, bias=source.bias is not None, device="meta"
        )
        self.weight = bitsandbytes.nn.Params4bit(
            source.weight.detach().float().cpu(),
            requires_grad=False,
            blocksize=BLOCK,
            compress_statistics=True,
            quant_type="nf4",
            module=self,
        ).cpu()
        if source.bias is not None:
            self.bias = nn.Parameter(source.bias.detach().float().cpu(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x [..., in] times the dequantized weight, plus the bias: [..., out]."""
        autocast = torch.is_autocast_enabled(x.device.type)
        dtype = torch.get_autocast_dtype(x.device.type) if autocast else x.dtype
        bias = self.bias if self.bias is None else self.bias.to(dtype)
        state = self.weight.quant_state
        return bitsandbytes.matmul_4bit(x.to(dtype), self.weight, bias=bias, quant_state=state)

    def dequantized(self) -> Tensor:
        """Return the weight [out, in] that the layer computes with, in fp32 on the CPU."""
        state = self.weight.quant_state
        return bitsandbytes.functional.dequantize_4bit(self.weight.data, state).float().cpu()


def adopt_4bit_layers(model: nn.Module) -> None:
    """Give the 4-bit layers that transformers has loaded our forward pass, in place (see Linear4bit)."""
    for module in model.modules():
        if isinstance(module, bitsandbytes.nn.Linear4bit):
            module.__class__ = Linear4bit
