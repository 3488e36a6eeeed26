"""No pickle, no code of others, no shell with texts of others, pins everywhere; what bandit finds is explained."""

import ast
import re
from pathlib import Path

import pytest
import yaml

import audit
from emopress.entries.base import NAME
from emopress.families import pass_jobs
from emopress.measure.flips import FORMULA

ROOT = Path(__file__).parents[2]
LIBRARY = sorted((ROOT / "workflow" / "scripts").rglob("*.py"))
RULES = [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]
STUDIES = sorted((ROOT / "config").glob("*.yaml"))
PICKLES = {"pickle", "cPickle", "joblib", "dill", "cloudpickle", "marshal", "shelve", "_pickle"}
FORBIDDEN = {  # calls that run a text or unpickle
    "eval", "exec", "os.system", "os.popen", "torch.load", "torch.save", "pandas.read_pickle", "pd.read_pickle",
    "commands.getoutput", "subprocess.getoutput", "yaml.unsafe_load", "yaml.full_load", "shutil.unpack_archive",
}  # fmt: skip
ONLY = {  # what an argument must be where it is given
    "shell": False,
    "trust_remote_code": False,
    "allow_pickle": False,
    "use_safetensors": True,
    "weights_only": True,
    "local_files_only": True,
}


def calls(path):
    """Yield (dotted name, keywords, line) of each call in a file."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), {k.arg: k.value for k in node.keywords}, node.lineno


def faults(path):
    """Return what a file does that it must not, one line each."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        found += [f"imports {name}" for name in names if name.split(".")[0] in PICKLES]
    for name, keywords, line in calls(path):
        last = name.rsplit(".", 1)[-1]
        if name in FORBIDDEN or last in ("extractall", "read_pickle", "to_pickle"):
            found.append(f"line {line}: {name}")
        for key, wanted in ONLY.items():
            if key in keywords and getattr(keywords[key], "value", "?") is not wanted:
                found.append(f"line {line}: {key} is not {wanted}")
        if name in ("np.load", "numpy.load") and "allow_pickle" not in keywords:
            found.append(f"line {line}: np.load without allow_pickle=False")
        # (peft's reads a folder whose files were looked for: test_large_decoders.)
        own = name == "PeftModel.from_pretrained" and path.name == "large_decoder.py"
        if last == "from_pretrained" and "local_files_only" not in keywords and not own:
            found.append(f"line {line}: from_pretrained may go to the network")
        if name == "yaml.load" and "CSafeLoader" not in ast.unparse(keywords["Loader"]):
            found.append(f"line {line}: yaml.load with another loader than CSafeLoader")
    return found


def test_the_library_unpickles_nothing_and_runs_no_text():
    assert len(LIBRARY) > 100
    assert {str(p.relative_to(ROOT)): f for p in LIBRARY if (f := faults(p))} == {}


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("import pickle", "imports pickle"),
        ("from joblib import load", "imports joblib"),
        ("import torch\ntorch.load('a')", "line 2: torch.load"),
        ("np.load('a')", "line 1: np.load without allow_pickle=False"),
        ("np.load('a', allow_pickle=True)", "line 1: allow_pickle is not False"),
        ("run(a, shell=flag)", "line 1: shell is not False"),
        ("A.from_pretrained(x)", "line 1: from_pretrained may go to the network"),
        ("archive.extractall('.')", "line 1: archive.extractall"),
        ("yaml.load(t, Loader=yaml.Loader)", "line 1: yaml.load with another loader than CSafeL"),
    ],
)
def test_the_check_would_see_it(tmp_path, code, fault):
    (tmp_path / "a.py").write_text(code)
    assert [line[: len(fault)] for line in faults(tmp_path / "a.py")] == [fault]


def test_rules_build_no_shell_commands():
    """Every value in a shell command is quoted (:q), or a path that the rule itself spells out."""
    commands = []
    for path in RULES:
        text = path.read_text("utf-8")
        assert not re.search(r"^\s+run:", text, flags=re.MULTILINE), path.name
        assert "shell(" not in text and "os.system" not in text, path.name
        commands += re.findall(r"^    shell:\n((?:        .*\n)+)", text, flags=re.MULTILINE)
    assert len(commands) == 1, "a new shell command: check it here"
    for command in commands:
        assert not re.search(r'^\s+(f"|\(|[a-z])', command, flags=re.MULTILINE), (
            "only literal texts"
        )
        for value in re.findall(r"\{([^}]*)\}", command):
            assert value.endswith(":q") or value in ("output.graph", "log")
    assert any("results/rulegraph.mmd" in path.read_text("utf-8") for path in RULES)


def entries(value, where=""):
    """Yield every mapping in a config with its place."""
    if isinstance(value, dict):
        yield where, value
        for key, item in value.items():
            yield from entries(item, f"{where}.{key}")
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from entries(item, f"{where}.{index}")


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.name)
def test_what_a_shipped_config_fetches_is_pinned(path):
    for where, entry in entries(yaml.safe_load(path.read_text("utf-8"))):
        if isinstance(entry.get("hub"), str):  # a checkpoint or tokenizer: by its commit
            assert re.fullmatch(r"[0-9a-f]{40}", entry.get("revision", "")), where
        if isinstance(
            entry.get("repo"), str
        ):  # a data set: by its commit, and each file by its hash
            assert re.fullmatch(r"[0-9a-f]{40}", entry["revision"]), where
        if "url" in entry and ("name" in entry or "file" in entry):
            assert entry["url"].startswith("https://"), where
            assert re.fullmatch(r"[0-9a-f]{64}", entry["sha256"]), where


def test_names_cannot_begin_like_a_formula():
    """So summary.csv and seeds.csv, whose texts are names, need no escaping."""
    assert re.match(NAME, "a-name")
    assert not any(re.match(NAME, f"{sign}cmd") for sign in (*FORMULA, "\t", "\r"))


def test_what_bandit_finds_is_explained():
    assert audit.differences() == []


def test_every_environment_file_is_compared_with_the_locks():
    """By test_project_files, whose list this is."""
    told = (ROOT / "tests" / "unit" / "test_project_files.py").read_text("utf-8")
    files = [path.name for path in (ROOT / "envs").glob("*.yaml")]
    assert sorted(files) == ["emopress.yaml", "openvino.yaml"]
    assert all(f'("{name}", [' in told for name in files)
    rules = "".join(path.read_text("utf-8") for path in RULES)
    assert {job.environment for job, _ in pass_jobs()} <= {"emopress", "openvino"}
    assert set(re.findall(r"envs/(\w+\.yaml)", rules)) == set(files)


def test_the_container_has_the_same_environment():
    lines = (ROOT / "Containerfile").read_text("utf-8").splitlines()
    steps = [line for line in lines if line and not line.startswith("#")]
    images = [line.split()[1] for line in steps if line.startswith("FROM")]
    assert images == ["${BASE}"] and "ARG BASE" in steps, "no tag: the digest is given to the build"
    assert any("*@sha256:" in line for line in steps), "and asked for"
    assert "-r requirements-openvino.lock" in "".join(steps)
    users = [index for index, line in enumerate(steps) if line.startswith("USER ")]
    assert steps[users[-1]] == "USER emopress" and len(users) == 1
    installs = [index for index, line in enumerate(steps) if "pip install" in line]
    assert installs and min(installs) > users[0], "nothing is installed or run as root after that"
