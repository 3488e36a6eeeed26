"""The bill of materials: valid CycloneDX, every locked package in it, the same each time, without torch."""

import json

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from test_project_files import locked

from emopress.report.sbom import bill_of_materials, installed_folders, write_sbom


def test_the_document(tmp_path):
    write_sbom(tmp_path / "sbom.cdx.json")
    text = (tmp_path / "sbom.cdx.json").read_text("utf-8")
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    document = json.loads(text)
    assert document == bill_of_materials(), "the same environment gives the same document"
    assert not {"serialNumber", "timestamp"} & {*document, *document["metadata"]}
    found = {part["name"]: part for part in document["components"]}
    for name, version in locked("requirements.lock").items():
        assert found[name]["version"].split("+")[0] == version
        assert found[name]["purl"].startswith(f"pkg:pypi/{name}@{version}")
    assert "emopress" not in found and found["python"]["type"] == "platform"
    assert len([part for part in found.values() if part.get("licenses")]) > 0.9 * len(found)


def test_what_depends_on_what():
    document = bill_of_materials()
    needs = {entry["ref"]: entry["dependsOn"] for entry in document["dependencies"]}
    references = {part["bom-ref"] for part in document["components"]}
    assert all(set(refs) <= references for refs in needs.values())
    transformers = next(ref for ref in needs if ref.startswith("pkg:pypi/transformers@"))
    assert any(ref.startswith("pkg:pypi/tokenizers@") for ref in needs[transformers])
    assert set(needs["emopress"]) == references


def test_an_installation_is_noticed(tmp_path, monkeypatch):
    before = installed_folders()
    (tmp_path / "new-1.0.dist-info").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert set(installed_folders()) - set(before) == {"new-1.0.dist-info"}


def test_it_imports_nothing_heavy(python):
    code = (
        "import sys; from emopress.report.sbom import bill_of_materials; bill_of_materials();"
        "print(*({'torch', 'transformers', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    assert python(code).stdout.strip() == ""
