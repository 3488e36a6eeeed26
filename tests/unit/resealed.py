"""Bundles whose files a test has changed, and such of which only what must be shipped was copied."""

import shutil

from emopress.artifact import PROVENANCE, short_hash, short_hashes, write_json
from emopress.runtime.bundle_reader import MANIFEST, prediction_keys, read_bundle


def reseal(folder, **changes):
    """Write the manifest of a copied bundle for its files as they are, and its facts with `changes`."""
    facts = {**read_bundle(folder, verify=False).facts, **changes}
    for name in (MANIFEST, PROVENANCE):
        (folder / name).unlink()
    shipped = {*prediction_keys(facts["runtime"]), "format", "files", "provenance"}
    manifest = {key: value for key, value in facts.items() if key in shipped}
    manifest["files"] = short_hashes(folder)
    write_json(folder / PROVENANCE, {k: v for k, v in facts.items() if k not in shipped})
    manifest["provenance"] = short_hash(folder / PROVENANCE)
    write_json(folder / MANIFEST, manifest, compact=True)
    return folder


def alone(folder, to):
    """Copy what must be shipped of a bundle, and nothing else."""
    for name in read_bundle(folder).files:
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(folder / name, to / name)
    return to
