"""Writes which distributions of Python packages are installed, as a CycloneDX software bill of materials."""

import platform
import re
import sys
from importlib.metadata import PackageMetadata, distributions
from pathlib import Path
from typing import Any

from emopress.artifact import write_json

PROJECT = "emopress"
SPDX = re.compile(
    r"[A-Za-z0-9.+-]+"
)  # an identifier; what else stands in a licence field is a name or prose


def installed() -> dict[str, PackageMetadata]:
    """Return the metadata of the distributions that this Python finds, by their normalised names, sorted.

    Of a name that is found twice the one that an import takes, which comes first.
    """
    found: dict[str, PackageMetadata] = {}
    for distribution in distributions():
        metadata = distribution.metadata  # parsed anew each time that it is asked for
        if metadata["Name"]:
            found.setdefault(normalised(metadata["Name"]), metadata)
    return dict(sorted(found.items()))


def installed_folders() -> list[str]:
    """Return the names of the folders that hold installed metadata: name and version of each distribution.

    In milliseconds, since a workflow asks for it whenever it is read: a change of it makes the bill anew.
    """
    folders = (Path(path).glob("*.dist-info") for path in dict.fromkeys(sys.path))
    return sorted({folder.name for found in folders for folder in found})


def normalised(name: str) -> str:
    """Return a distribution's name as package indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def bill_of_materials() -> dict[str, Any]:
    """Return the CycloneDX 1.6 document of this environment.

    It has no serial number, time or path, so that one environment gives one document. `dependencies`
    are those that an installation without extras asks for and that are there.
    """
    found = installed()
    own = found.pop(PROJECT, None)
    components = [_component(name, metadata) for name, metadata in found.items()]
    references = {component["name"]: component["bom-ref"] for component in components}
    root: dict[str, Any] = {"type": "application", "bom-ref": PROJECT, "name": PROJECT}
    if own is not None:
        root["version"] = own["Version"]
    python = {
        "type": "platform",
        "bom-ref": "python",
        "name": "python",
        "version": platform.python_version(),
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": root},
        "components": [python, *components],
        "dependencies": [
            {"ref": PROJECT, "dependsOn": ["python", *references.values()]},
            *(
                {"ref": references[name], "dependsOn": _dependencies(metadata, references)}
                for name, metadata in found.items()
            ),
        ],
    }


def write_sbom(out: Path) -> None:
    """Write the bill of materials of this environment as JSON."""
    write_json(out, bill_of_materials())


def _component(name: str, metadata: PackageMetadata) -> dict[str, Any]:
    purl = f"pkg:pypi/{name}@{metadata['Version'].replace('+', '%2B')}"
    licences = _licences(metadata)
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": metadata["Version"],
        "purl": purl,
        **({"licenses": licences} if licences else {}),
    }


def _licences(metadata: PackageMetadata) -> list[dict[str, Any]]:
    """Return a licence as the distribution states it: an SPDX expression, else a short name, else classifiers."""
    expression = _first(metadata, "License-Expression")
    if expression:
        return [{"expression": expression}]
    stated = _first(metadata, "License").strip()
    classified = [
        classifier.rsplit(" :: ", 1)[1]
        for classifier in metadata.get_all("Classifier") or []
        if classifier.startswith("License :: ") and classifier != "License :: OSI Approved"
    ]
    names = [stated] if SPDX.fullmatch(stated) else sorted(set(classified))
    return [{"license": {"name": name}} for name in names]


def _first(metadata: PackageMetadata, field: str) -> str:
    return (metadata.get_all(field) or [""])[0]


def _dependencies(metadata: PackageMetadata, references: dict[str, str]) -> list[str]:
    from packaging.requirements import Requirement

    wanted = (Requirement(line) for line in metadata.get_all("Requires-Dist") or [])
    names = {
        normalised(r.name) for r in wanted if r.marker is None or r.marker.evaluate({"extra": ""})
    }
    return sorted(references[name] for name in names if name in references)
