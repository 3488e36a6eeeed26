"""What a timing job times: the bundles of a data set, and their references in other engines."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from emopress.measure.cold_start import open_classifier
from emopress.runtime.bundle_reader import read_bundle
from emopress.runtime.classifier import Classifier
from emopress.runtime.openvino import installed, reads_onnx


@dataclass(frozen=True)
class Candidate:
    """Something to time: a bundle, or a reference in another engine (`open_classifier`).

    A `twin` is a bundle that is among the candidates already. It is timed like any other but gives no
    row: what it differs by from itself is the spread.
    """

    variant: str
    seed: int
    runtime: str
    folder: Path
    twin: bool = False

    def open(self, threads: int) -> Classifier:
        """Load it again from disk, without checking its hashes, which takes seconds for a large file."""
        return open_classifier(self.folder, self.runtime, threads=threads, verify=False)


def candidates_of(
    entries: Sequence[tuple[str, int, str]], manifests: Sequence[str | Path]
) -> list[Candidate]:
    """Return what to time of (variant, seed, runtime) and, beside it, a manifest.

    `runtime` is `bundle`; `twin` for a bundle that is entered twice; `pytorch` with a checkpoint's
    manifest; or `openvino-reference`, which is left out where openvino is not installed or cannot
    read the bundle's graph.
    """
    candidates = []
    for (variant, seed, runtime), manifest in zip(entries, manifests, strict=True):
        folder, twin = Path(manifest).parent, runtime == "twin"
        if runtime == "openvino-reference":
            if not (installed() and reads_onnx(read_bundle(folder, verify=False))):
                logging.info("timing: no row of %s in OpenVINO", variant)
                continue
        elif runtime != "pytorch":
            runtime = read_bundle(folder, verify=False).manifest["runtime"]
        candidates.append(Candidate(variant, int(seed), runtime, folder, twin))
    return candidates
