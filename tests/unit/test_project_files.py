"""What is written twice agrees: config reference and schema, lock file and environments, pins."""

import json
import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from packaging.requirements import Requirement

import document_config
import pin_revisions
from emopress.errors import UserError
from emopress.study.json_schema import SCHEMA, config_schema, schema_text

ROOT = Path(__file__).parents[2]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def locked(name):
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith(("#", "-"))]
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[^=]+", pin) for pin in pins)
    return {pin.split("==")[0].lower().replace("_", "-"): pin.split("==")[1] for pin in pins}


def test_the_config_page_and_the_editors_schema_are_written_from_the_entries():
    page = (ROOT / "config" / "README.md").read_text(encoding="utf-8")
    assert page == document_config.page(), "run `make docs`"
    assert (ROOT / SCHEMA).read_text(encoding="utf-8") == schema_text(), "run `make docs`"


def test_the_config_page_has_every_key():
    page = (ROOT / "config" / "README.md").read_text(encoding="utf-8")
    schema = config_schema()
    keys = {key for node in [schema, *schema["$defs"].values()] for key in all_keys(node)}
    missing = [key for key in keys if not re.search(rf"`(\S+[.\]])?{re.escape(key)}`", page)]
    assert len(keys) > 60 and not missing


STUDIES = sorted(
    path
    for path in (ROOT / "config").glob("*.yaml")
    if path.name not in ("datasets.yaml", "published.yaml") and "miniature" not in path.name
)  # whole studies: the others hold data sets, figures, or changes of another config


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.name)
def test_editors_are_offered_a_schema_that_the_study_meets(path):
    text = path.read_text(encoding="utf-8")
    first, schema = text.split("\n", 1)[0], json.loads((ROOT / SCHEMA).read_text("utf-8"))
    assert first == f"# yaml-language-server: $schema=../{SCHEMA}"
    Draft202012Validator.check_schema(schema)
    assert not list(Draft202012Validator(schema).iter_errors(yaml.safe_load(text)))


def all_keys(node):
    for key, child in node.get("properties", {}).items():
        yield key
        yield from all_keys(child)
        yield from all_keys(child.get("items", {}))


@pytest.mark.parametrize(
    ("environment", "locks"),
    [
        ("emopress.yaml", ["requirements.lock"]),
        ("openvino.yaml", ["requirements.lock", "requirements-openvino.lock"]),
    ],
)
def test_conda_environments_and_locks_agree(environment, locks):
    environment = yaml.safe_load((ROOT / "envs" / environment).read_text(encoding="utf-8"))
    pins = next(part["pip"] for part in environment["dependencies"] if isinstance(part, dict))
    found = {pin.split("==")[0].lower().replace("_", "-"): pin.split("==")[1] for pin in pins}
    assert found == {name: pin for lock in locks for name, pin in locked(lock).items()}
    assert len(pins) == len(found)


def test_the_lock_holds_what_the_project_asks_for():
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project, lock = pyproject["project"], locked("requirements.lock")
    needed = [project["optional-dependencies"][extra] for extra in ("study", "compare", "push")]
    for wanted in sum(needed, project["dependencies"] + pyproject["build-system"]["requires"]):
        asked = Requirement(wanted)
        assert asked.specifier.contains(lock[asked.name.replace("_", "-")]), wanted
    assert lock["torch"] == "2.13.0"
    extras = {"openvino", "nncf", "pytest", "playwright"}
    assert not extras & set(lock), "the default install stays lean"


@pytest.mark.parametrize(
    ("extra", "below"),
    [
        ("openvino", ["requirements.lock"]),
        ("slurm", ["requirements.lock"]),
        ("dev", ["requirements-openvino.lock", "requirements.lock"]),
    ],
)
def test_an_extras_lock_holds_what_comes_on_top(extra, below):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    name = f"requirements-{extra}.lock"
    assert f"-r {below[0]}\n" in (ROOT / name).read_text(encoding="utf-8")
    lock = locked(name)
    assert not set(lock) & {package for file in below for package in locked(file)}
    for wanted in project["optional-dependencies"][extra]:
        package, _, version = wanted.lower().partition("==")
        assert version in ("", lock[package])


def test_the_lock_of_the_bill_of_materials_is_whole_and_agrees_with_the_others():
    lock = locked("requirements-sbom.lock")
    assert "cyclonedx-bom" in lock and "-r " not in (ROOT / "requirements-sbom.lock").read_text()
    for name in ("requirements.lock", "requirements-openvino.lock", "requirements-dev.lock"):
        other = locked(name)
        assert {package: other[package] for package in lock.keys() & other.keys()}.items() <= (
            lock.items()
        )
        assert "rfc3987-syntax" not in other, "each import of jsonschema would take a second"


def test_pins_are_written_under_their_hub_line():
    text = "models:\n  a:\n    hub: x/y  # licence\n    revision: main\n  b:\n    hub: z/w\n    train: {}\n"
    done = pin_revisions.pinned(text, {"x/y": COMMIT, "z/w": COMMIT[::-1]})
    models = yaml.safe_load(done)["models"]
    assert models["a"] == {"hub": "x/y", "revision": COMMIT}
    assert models["b"] == {"hub": "z/w", "revision": COMMIT[::-1], "train": {}}
    assert "# licence" in done


def test_a_pin_that_finds_no_line_is_an_error():
    with pytest.raises(UserError, match="revision: " + COMMIT):
        pin_revisions.pinned("models: {a: {hub: x/y}}\n", {"x/y": COMMIT})


@pytest.mark.parametrize(
    ("content", "message"), [(None, "no such file"), ("models: [", "not valid YAML")]
)
def test_a_config_that_cannot_be_read_is_not_pinned(tmp_path, content, message):
    path = tmp_path / "my.yaml"
    if content:
        path.write_text(content)
    with pytest.raises(UserError, match=message):
        pin_revisions.main(path)


def test_readme_shows_the_plain_onnxruntime_code_that_is_tested():
    code = (ROOT / "docs" / "plain_onnxruntime.py").read_text("utf-8")
    body = code[code.index("import json") :].strip()
    assert body in (ROOT / "README.md").read_text("utf-8")


DOCUMENTS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in (
        "README.md",
        "Makefile",
        "Containerfile",
        "docs/*.md",
        "config/*",
        "profiles/*/*.yaml",
    )
    for path in ROOT.glob(pattern)
    if path.name != "bad-input.md"  # its files are mistakes
)
A_PATH = re.compile(
    r"(?<![\w/.:-])((?:[\w.-]+/)+[\w.-]+\.(?:csv|html|json|lock|md|png|py|sh|svg|toml|yaml))\b"
)
# What a run makes, what a mirror holds, and what docs/add-a-dataset.md has a user write.
NOT_HERE = ("results/", "DIR/", "data/mine/", "config/mine.yaml")
TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_and_make_target_that_a_document_names_exists(document):
    text = (ROOT / document).read_text("utf-8")
    scripts = ROOT / "workflow" / "scripts"
    places = [ROOT, (ROOT / document).parent, scripts, scripts / "emopress"]
    named = {name for name in A_PATH.findall(text) if not name.startswith(NOT_HERE)}
    assert [n for n in named if not any((place / n).is_file() for place in places)] == []
    tests = set(re.findall(r"`(test_\w+\.py)`", text))
    assert tests <= {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert set(re.findall(r"(?:^(?:# )?|`)make ([a-z-]+)", text, flags=re.MULTILINE)) <= TARGETS


@pytest.mark.parametrize("document", [name for name in DOCUMENTS if name.endswith(".md")])
def test_what_a_document_imports_exists(document):
    text = (ROOT / document).read_text("utf-8")
    for module, names in re.findall(r"^from (emopress\S*) import (.+)$", text, flags=re.MULTILINE):
        for name in names.split(", "):
            assert hasattr(import_module(module), name), f"{module}.{name}"


def test_documents_name_files_and_targets_at_all():
    """So that the patterns above cannot match nothing in silence."""
    texts = [(ROOT / document).read_text("utf-8") for document in DOCUMENTS]
    assert len({name for text in texts for name in A_PATH.findall(text)}) > 40
    assert len({name for text in texts for name in re.findall(r"`make ([a-z-]+)", text)}) > 5
