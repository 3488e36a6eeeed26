"""A whole study with secrets in its environment: none of them in what it wrote or printed."""

from conftest import SECRETS


def test_no_secret_is_written_or_printed(project):
    files = [path for path in project.folder.rglob("*") if path.is_file()]
    results = [path for path in files if path.is_relative_to(project.results)]
    names = {path.name for path in results}
    assert len(results) > 200 and {"report.html", "report.md", "bundle.json"} <= names
    assert any(path.suffix == ".log" and path.stat().st_size for path in results)
    for variable, value in SECRETS.items():
        assert value not in project.told, variable
        holding = [path for path in files if value.encode() in path.read_bytes()]
        assert not holding, f"{variable} stands in {holding}"


def test_a_model_card_holds_none(project, study, monkeypatch, capsys):
    from emopress.cli import main

    for variable, value in SECRETS.items():
        monkeypatch.setenv(variable, value)
    bundle = project.results / study.dataset / "tiny" / "seed0" / "bundle"
    assert main(["card", str(bundle)]) == 0
    printed = capsys.readouterr()
    assert "license" in printed.out
    assert not any(value in printed.out + printed.err for value in SECRETS.values())
