"""The installed library predicts with numpy, onnxruntime and tokenizers alone; other commands say what they lack."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import numpy as np
import pandas
import pytest

from command_line import STUCK_S

ROOT = Path(__file__).parents[2]
# All that the environment holds besides Python's own library (numpy.libs: numpy's shared libraries).
NEEDED = ["numpy", "numpy.libs", "onnxruntime", "tokenizers"]
HEAVY = {"torch", "transformers", "pandas", "sklearn", "scipy", "datasets", "snakemake", "tqdm"}
BUILD = "import sys, setuptools.build_meta as b; getattr(b, 'build_' + sys.argv[1])(sys.argv[2])"
LOADED = """
import sys
from emopress.cli import main
status = main(sys.argv[1:])
own = {name.split(".")[0] for name in sys.modules} - set(sys.stdlib_module_names) - {"__main__"}
print(*sorted(own), file=sys.stderr)
sys.exit(status)
"""


def site_packages(folder):
    return next(folder.glob("lib/python*/site-packages"))


def empty_environment(folder):
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    return folder


def built(kind, source, out):
    """Build a wheel (`kind` wheel or editable) of the project's copy in `source`, without a network."""
    out.mkdir()
    subprocess.run(
        [sys.executable, "-c", BUILD, kind, str(out)], cwd=source, check=True, capture_output=True
    )
    return next(out.glob("*.whl"))


def installed(wheel, environment):
    """Install a wheel into a virtual environment that has no pip."""
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python")]
    options = ["--quiet", "--disable-pip-version-check", "--no-deps", "--no-index"]
    subprocess.run([*pip, "install", *options, str(wheel)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of what the package is built from, since building writes beside it."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / name, folder / name)
    library = Path("workflow", "scripts", "emopress")
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / library, folder / library, ignore=ignore)
    return folder


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    return built("wheel", source, tmp_path_factory.mktemp("wheel") / "out")


@pytest.fixture(scope="module")
def lean(wheel, tmp_path_factory):
    """Return a function that runs a program of an environment with emopress and NEEDED."""
    folder = empty_environment(tmp_path_factory.mktemp("lean") / "venv")
    for name in NEEDED:
        found = Path(importlib.util.find_spec(name.split(".")[0]).origin).parents[1] / name
        if found.exists():
            (site_packages(folder) / name).symlink_to(found)
    installed(wheel, folder)
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}

    def run(program, *arguments, **options):
        return subprocess.run(
            [str(folder / "bin" / program), *map(str, arguments)],
            cwd=folder,
            env=kept,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=STUCK_S,
            **options,
        )

    return run


def one_line(done):
    assert done.stderr.count("\n") == 1 and "Traceback" not in done.stderr, done.stderr
    return done.stderr.strip()


def test_a_table_of_texts_needs_nothing_more(artifacts, lean, tmp_path):
    (tmp_path / "reviews.csv").write_text("id,review\n1,i feel wonderful\n2,\n3,leave me alone\n")
    words = ("predict", artifacts.bundles["linear"], "--file", tmp_path / "reviews.csv")
    done = lean("emopress", *words, "--text-column", "review")
    lines = lean("emopress", *words[:2], "-", input="i feel wonderful\n\nleave me alone\n").stdout
    assert done.returncode == 0 and not done.stderr and done.stdout == lines


@pytest.mark.parametrize(("ending", "package"), [("xlsx", "openpyxl"), ("parquet", "pyarrow")])
def test_what_another_kind_of_table_needs_is_named(artifacts, lean, tmp_path, ending, package):
    table, path = pandas.DataFrame({"text": ["i feel wonderful"]}), tmp_path / f"reviews.{ending}"
    (table.to_excel if ending == "xlsx" else table.to_parquet)(path, index=False)
    done = lean("emopress", "predict", artifacts.bundles["linear"], "--file", path)
    assert done.returncode == 1 and not done.stdout
    wanted = f"predict needs the Python package {package}; pip install {package}"
    assert one_line(done).endswith(wanted)


def test_the_environment_is_lean(lean):
    code = "import sys, importlib.util as u; print([n for n in sys.argv[1:] if u.find_spec(n)])"
    assert lean("python", "-c", code, *HEAVY, *NEEDED[:1], "emopress").stdout.split() == [
        "['numpy',",
        "'emopress']",
    ]


def test_the_installed_package_is_whole_and_asks_for_three_packages(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = next(name for name in names if name.endswith("/METADATA"))
        lines = archive.read(metadata).decode("utf-8").splitlines()
    library = ROOT / "workflow" / "scripts"
    modules = {p.relative_to(library).as_posix() for p in library.glob("emopress/**/*.py")}
    assert {name for name in names if name.endswith(".py")} == modules
    needed = [line for line in lines if line.startswith("Requires-Dist") and "extra ==" not in line]
    assert {re.split("[: >=]+", line)[1] for line in needed} == {
        "numpy",
        "onnxruntime",
        "tokenizers",
    }


@pytest.mark.parametrize(
    "name",
    ["bert", "electra-dynamic", "distilbert-static", "linear-int8", "dense-int3", "conv-int4"],
)
def test_the_command_predicts_without_torch(artifacts, texts, probabilities, lean, name):
    filled = [i for i, text in enumerate(texts) if text]
    lines = "".join(f"{texts[i]}\n" for i in filled)
    done = lean("emopress", "predict", artifacts.bundles[name], "--json", "--all", input=lines)
    assert done.returncode == 0 and not done.stderr
    found = [list(json.loads(line)["probabilities"].values()) for line in done.stdout.splitlines()]
    assert np.abs(np.array(found) - probabilities[name][filled]).max() < 1e-6


@pytest.mark.parametrize(
    ("name", "loaded"),
    [
        ("bert", "emopress numpy onnxruntime"),  # WordPiece; other tokenizers need tokenizers
        ("linear", "emopress numpy"),
        ("dense-int8", "emopress numpy"),
        ("conv-int4", "emopress numpy"),
    ],
)
def test_predict_imports_what_its_bundle_needs(artifacts, python, name, loaded):
    done = python(LOADED, "predict", artifacts.bundles[name], "hello")
    found = {module for module in done.stderr.split() if not module.startswith("_")}
    editable = {module for module in found if module.startswith("__editable__")}
    assert found - editable == set(loaded.split())


def test_other_commands_say_what_they_lack(artifacts, lean, tmp_path):
    bundle = artifacts.bundles["linear"]
    (tmp_path / "a.csv").write_text("text,label\nhello,joy\n")
    done = lean("emopress", "compare", bundle, bundle, "--data", tmp_path / "a.csv")
    assert done.returncode == 1 and not done.stdout
    assert re.search(r"compare needs .*package \w+; .*extra `compare`", one_line(done))
    for command in (["card", bundle], ["push", bundle, "me/model", "--dry-run"]):
        done = lean("emopress", *command)
        assert done.returncode == 1 and not done.stdout
        assert re.search(rf"{command[0]} needs .*package \w+; .*extra `push`", one_line(done))


def test_an_openvino_bundle_names_its_extra(copied, lean):
    from emopress.artifact import read_json, write_json

    folder = copied("bert")
    facts = read_json(folder / "bundle.json")
    write_json(
        folder / "bundle.json", {**facts, "runtime": "openvino", "inference_precision": "f32"}
    )
    done = lean("emopress", "predict", folder, "hello")
    assert done.returncode == 1 and "openvino is an extra" in one_line(done)


def test_help_needs_nothing(lean):
    for command in ([], ["predict"], ["compare"], ["card"], ["export"], ["push"], ["verify"]):
        done = lean("emopress", *command, "--help")
        assert done.returncode == 0 and not done.stderr
        assert " ".join(["usage: emopress", *command]) in done.stdout


def test_an_editable_install_yields_to_the_library_beside_a_script(source, tmp_path):
    """Else the jobs of a copy of the project would run the library of the tree that was installed."""
    environment = empty_environment(tmp_path / "venv")
    installed(built("editable", source, tmp_path / "out"), environment)
    copy = tmp_path / "copy" / "emopress"
    copy.mkdir(parents=True)
    (copy / "__init__.py").write_text("")
    python = [str(environment / "bin" / "python"), "-c"]
    where = "import emopress; print(emopress.__file__)"
    code = f"import sys; sys.path.extend([{str(copy.parent)!r}]); {where}"  # as Snakemake does

    def run(*command):
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        options = {
            "capture_output": True,
            "text": True,
            "check": True,
            "cwd": tmp_path,
            "env": kept,
        }
        return Path(subprocess.run(command, **options).stdout.strip())

    assert run(*python, where).is_relative_to(source)
    assert run(*python, code).is_relative_to(copy)
    scripts = "import importlib.util as u; print(u.find_spec('finetune'))"
    assert run(*python, scripts) == Path("None"), "rule scripts are no modules of the environment"
