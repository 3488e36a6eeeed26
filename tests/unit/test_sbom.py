"""The bill of materials of `make sbom`: valid CycloneDX, every locked package in it, the same each time."""

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from test_project_files import locked

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.prefix) / "sbom" / "bin"  # `make test` installs them there
VALIDATE = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(sys.stdin.read())
sys.exit(error and str(error))
"""


def listed(out):
    """Run the command of the Makefile, with this Python and another output."""
    (line,) = (
        line
        for line in (ROOT / "Makefile").read_text("utf-8").splitlines()
        if "cyclonedx-py" in line
    )
    command = line.strip().replace("results/sbom.cdx.json", str(out))
    command = command.replace("$(BIN)/python", sys.executable)
    command = command.replace("$(VENV)/sbom/bin", str(TOOLS))
    subprocess.run(shlex.split(command), cwd=ROOT, check=True, capture_output=True)
    return out.read_text("utf-8")


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return listed(tmp_path_factory.mktemp("sbom") / "sbom.cdx.json")


def test_the_document(text, tmp_path):
    validate = [str(TOOLS / "python"), "-c", VALIDATE]
    done = subprocess.run(validate, input=text, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert listed(tmp_path / "again.json") == text, "the same environment gives the same document"
    document = json.loads(text)
    assert not {"serialNumber", "timestamp"} & {*document, *document["metadata"]}
    parts = {part["name"].lower().replace("_", "-"): part for part in document["components"]}
    for name, version in locked("requirements.lock").items():
        assert parts[name]["version"].split("+")[0] == version
        assert parts[name]["purl"].startswith(f"pkg:pypi/{name}@{version}")
    assert document["metadata"]["component"]["name"] == "emopress"
    assert len([part for part in parts.values() if part.get("licenses")]) > 0.9 * len(parts)


def test_what_depends_on_what(text):
    document = json.loads(text)
    needs = {entry["ref"]: entry.get("dependsOn", []) for entry in document["dependencies"]}
    references = {part["bom-ref"] for part in document["components"]}
    assert all(set(refs) <= references for refs in needs.values())
    transformers = next(ref for ref in needs if ref.startswith("transformers=="))
    assert any(ref.startswith("tokenizers==") for ref in needs[transformers])


def test_it_is_no_file_of_a_study():
    rules = "".join(path.read_text("utf-8") for path in (ROOT / "workflow" / "rules").glob("*.smk"))
    assert "sbom" not in rules + (ROOT / "Snakefile").read_text("utf-8")
