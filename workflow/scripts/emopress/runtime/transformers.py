"""Runs a decoder too large for a graph in transformers: weights in bf16 or in 4 bits, adapters beside them.

Torch and what else it needs are imported when a bundle is opened; no other runtime needs them.
"""

from pathlib import Path

import numpy as np

from emopress.checkpoint import ADAPTER
from emopress.devices import pick_device, uses_bf16
from emopress.runtime.bundle_reader import Bundle
from emopress.runtime.classifier import Normaliser, labels_and_normaliser
from emopress.runtime.large_decoder import check_packages, load_adapters, load_decoder
from emopress.runtime.tokens import Encoder, TokenClassifier, encoder_of


class DecoderClassifier(TokenClassifier):
    """A decoder in PyTorch, on the CPU or the first CUDA device, in bf16 where that has it, else in fp32."""

    def __init__(
        self,
        folder: Path,
        encoder: Encoder,
        *,
        labels: list[str],
        normalise: Normaliser,
        threads: int,
        device: str,
    ) -> None:
        super().__init__(labels, normalise, encoder)
        adapted = (folder / ADAPTER).is_dir()
        check_packages(four_bits=adapted)
        import torch

        torch.set_num_threads(threads)
        self.device = pick_device(device)
        dtype = torch.bfloat16 if uses_bf16("auto", self.device) else torch.float32
        self.model = load_decoder(folder, dtype=dtype, device=self.device)
        if adapted:
            self.model = load_adapters(self.model, folder / ADAPTER, device=self.device)

    @classmethod
    def of_bundle(cls, bundle: Bundle, *, threads: int, device: str) -> "DecoderClassifier":
        """Open a bundle on a device: auto, cpu or cuda."""
        return cls(
            bundle.folder,
            encoder_of(bundle),
            **labels_and_normaliser(bundle.manifest),
            threads=threads,
            device=device,
        )

    def logits(self, texts: list[str]) -> np.ndarray:
        """Return logits [N, C] of one batch."""
        import torch

        inputs = {
            name: torch.from_numpy(array).to(self.device)
            for name, array in self.encoder(texts).items()
        }
        with torch.inference_mode():
            return np.asarray(self.model(**inputs).logits.float().cpu().numpy())
