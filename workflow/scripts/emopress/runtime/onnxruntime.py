"""Runs a transformer or LSTM bundle: `model.onnx` in ONNX Runtime."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from emopress.runtime import processor
from emopress.runtime.bundle_reader import Bundle
from emopress.runtime.classifier import Normaliser, labels_and_normaliser
from emopress.runtime.stored import read_stored
from emopress.runtime.tokens import Encoder, TokenClassifier, encoder_of


def session_options(threads: int) -> Any:
    """Return ONNX Runtime's options for a quiet session of `threads` threads, exact in int8 on this processor."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    options.add_session_config_entry(processor.OPTION, processor.x64quantprecision())
    return options


class OnnxClassifier(TokenClassifier):
    """A transformer or an LSTM in ONNX Runtime on the CPU.

    `weights` are the initializers that the graph refers to but does not hold (`runtime/stored.py`). With
    `one_by_one` each text is a call of its own, without padding, whatever the batch.
    """

    def __init__(
        self,
        model: Path,
        encoder: Encoder,
        *,
        labels: list[str],
        normalise: Normaliser,
        threads: int,
        weights: Mapping[str, np.ndarray] | None = None,
        one_by_one: bool = False,
    ) -> None:
        import onnxruntime

        super().__init__(labels, normalise, encoder)
        options = session_options(threads)
        # A session may read these tensors, and they their arrays, for as long as it lives.
        self.tensors = {
            name: onnxruntime.OrtValue.ortvalue_from_numpy(array)
            for name, array in (weights or {}).items()
        }
        if self.tensors:
            options.add_external_initializers(list(self.tensors), list(self.tensors.values()))
        self.session = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )
        self.one_by_one, self.inputs = one_by_one, [i.name for i in self.session.get_inputs()]

    @classmethod
    def of_bundle(cls, bundle: Bundle, *, threads: int, device: str) -> "OnnxClassifier":
        """Open a bundle; it predicts on the CPU, whatever `device` is."""
        return cls(
            bundle.folder / "model.onnx",
            encoder_of(bundle),
            **labels_and_normaliser(bundle.manifest),
            threads=threads,
            weights=read_stored(bundle.folder, bundle.manifest["files"]),
            one_by_one=bundle.manifest.get("texts_per_call") == 1,
        )

    def logits(self, texts: list[str]) -> np.ndarray:
        """Return logits [N, C] of one batch."""
        if self.one_by_one:
            return np.concatenate([self._logits_alone(text) for text in texts])
        return np.asarray(self.session.run(["logits"], self.encoder(texts))[0])

    def _logits_alone(self, text: str) -> np.ndarray:
        """Return logits [1, C] of one text; a graph for one, which has no padding, may read no mask."""
        given = self.encoder([text])
        return np.asarray(self.session.run(["logits"], {n: given[n] for n in self.inputs})[0])

    def token_scores(self, texts: list[str]) -> tuple[np.ndarray, list[np.ndarray]]:
        """Return logits [N, C] of one batch of a generative model, and for each text [C, tokens - 1].

        The latter: the log-probability of each token but the first under every label.
        """
        inputs = self.encoder(texts)
        logits, scores = map(
            np.asarray, self.session.run(["logits", "token_log_probabilities"], inputs)
        )
        lengths = inputs["attention_mask"].sum(axis=1)
        return logits, [rows[:, : n - 1] for rows, n in zip(scores, lengths, strict=True)]
