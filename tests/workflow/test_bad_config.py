"""Every bad config of tests/bad_config.py is refused in its line, all mistakes in one run, and nothing is written."""

import copy
import sys
from pathlib import Path

import pytest
import yaml
from snakemake.exceptions import WorkflowError
from snakemake.profiles import ProfileConfigFileParser

from bad_config import FILES, GOOD, MISTAKES, REPEATS
from command_line import snakemake
from emopress.errors import UserError
from emopress.study.command_line import command_error, typed_command
from emopress.study.config_file import file_errors, unreadable
from emopress.study.load_study import load_study

ROOT = Path(__file__).parents[2]
PROFILES = {name: ROOT / "profiles" / name / "config.yaml" for name in ("default", "slurm")}
SEVERAL = [  # each in an entry of its own, some found by the schema and some not
    "misspelt key of a pass",
    "a negative seed",
    "an unknown student",
    "heads that do not divide the width",
    "a value that is not allowed",
    "two labels that differ in case",
]


def changed(config, path, value):
    """Put `value` at `path` of a copy of the config; without a path its keys at the top."""
    config = copy.deepcopy(config)
    if not path:
        return {**config, **value}
    node = config
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return config


def refused(config, **options):
    """Return the lines that refuse a config, each of which says that it is about the config."""
    with pytest.raises(UserError) as caught:
        load_study(config, ROOT, **options)
    lines = str(caught.value).split("\n")
    assert all(line.startswith("config: ") for line in lines)
    return [line.removeprefix("config: ") for line in lines]


@pytest.fixture
def good():
    return yaml.safe_load(GOOD)


def test_the_good_config_is_good(good, tmp_path):
    assert load_study(good, ROOT).name == "good"
    (tmp_path / "good.yaml").write_text(GOOD)
    assert file_errors(tmp_path / "good.yaml") == [] and unreadable(tmp_path / "good.yaml") is None


@pytest.mark.parametrize("what", MISTAKES)
def test_a_bad_config_is_refused_in_one_line(good, what):
    path, value, message = MISTAKES[what]
    assert refused(changed(good, path, value)) == [message]


@pytest.mark.parametrize("what", [*FILES, *REPEATS])
def test_a_bad_file_is_refused_in_one_line(tmp_path, what):
    content, message = (FILES | REPEATS)[what]
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    assert file_errors(path) == [f"{path}{message}"]
    assert unreadable(path) == (f"{path}{message}" if what in FILES else None)
    assert path.read_bytes() == content


@pytest.mark.parametrize(("name", "message"), [("gone.yaml", "no such file"), (".", "not a file")])
def test_no_file_at_all(tmp_path, name, message):
    (line,) = file_errors(tmp_path / name)
    assert line.startswith(f"{tmp_path / name}: {message}")


def test_all_mistakes_are_reported_at_once(good):
    """Those that the schema finds do not hide those of other entries, nor a variant's."""
    for what in SEVERAL:
        good = changed(good, *MISTAKES[what][:2])
    good["study"][0]["variants"] += ["linear+int8", "tiny+squash", "nobody"]
    lines = refused(good, file_errors=["my.yaml, line 9: key 'a' is given twice"])
    expected = [*(MISTAKES[what][2] for what in SEVERAL), "my.yaml, line 9: key 'a' is given twice"]
    assert set(expected) <= set(lines) and len(lines) == len(expected) + 3
    assert any("variant 'linear+int8': pass 'int8' (quantize static) cannot" in x for x in lines)
    assert any("variant 'tiny+squash': unknown pass 'squash'" in line for line in lines)
    assert any("variant 'nobody': unknown model 'nobody'" in line for line in lines)


def test_an_entry_with_a_mistake_is_no_unknown_name(good):
    """A variant, student, teacher or trial that names it gets no line of its own."""
    good = changed(good, ("models", "tiny", "init", "layers"), 0)
    assert refused(good) == ["models.tiny.init.layers: 0 is too small; it must be at least 1"]
    good = changed(yaml.safe_load(GOOD), ("passes", "mag50", "amount"), 2)
    good["passes"]["auto"] = {"kind": "search", "passes": ["mag50"], "budget": {"max_size_mb": 1}}
    good["study"][0]["variants"].append("tiny+auto")
    assert len(refused(good)) == 1


@pytest.mark.parametrize("place", ["datasets", "models"])
def test_a_data_set_with_a_mistake_is_no_model(good, place):
    """Whether it stands among the data sets or not, and the study knows it."""
    entry = {"title": "S", "language": "en", "labels": ["joy", "fear"], "licence": "MIT"}
    good = changed(good, (), {"datasets": {}})
    good[place]["semeval"] = {**entry, "source": {"files": [{"name": "a.csv", "paht": "a.csv"}]}}
    good["study"] += [{"dataset": "semeval", "variants": ["tiny", "word"]}]
    lines = refused(good)
    assert len(lines) == 2 and lines[0].startswith(f"{place}.semeval")
    assert lines[1] == (
        "study.semeval: variant 'word': unknown model 'word'; allowed: linear, tiny"
    )


def test_a_folder_that_is_named_like_a_repository(good, tmp_path, monkeypatch):
    good = changed(
        good, ("models", "tiny"), {"family": "transformer", "hub": "models/mine", "train": {}}
    )
    monkeypatch.chdir(tmp_path)
    assert load_study(good, ROOT).models["tiny"]["hub"] == "models/mine"
    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (line,) = refused(good)
    assert line.startswith("models.tiny.hub: 'models/mine' is a folder here, and hub is for")
    assert "from_mirror: true, --config mirror=DIR, and the folder as DIR/models/tiny/" in line


@pytest.mark.parametrize("what", ["a key twice in YAML", "int8 before pruning"])
def test_through_snakemake(plan, tmp_path, good, what):
    """The Snakefile tells the same, and makes nothing."""
    if what in REPEATS:
        path = tmp_path / "bad.yaml"
        path.write_bytes(REPEATS[what][0])
        config, message = path, REPEATS[what][1]
    else:
        config, message = changed(good, *MISTAKES[what][:2]), MISTAKES[what][2]
    with pytest.raises(WorkflowError) as caught:
        plan(config)
    lines = [line for line in str(caught.value).split("\n") if line.startswith("config: ")]
    assert len(lines) == 1 and lines[0].endswith(message) and "Traceback" not in str(caught.value)
    assert not (tmp_path / "results").exists()


def refused_in(folder, *arguments):
    """Run the command line, with an old report where a run would write one; return the lines of the config."""
    (folder / "results").mkdir()
    (folder / "results" / "report.md").write_text("an older report")
    command = ["--cores", "1", "--snakefile", f"{ROOT}/Snakefile", *arguments, "--", "report"]
    done = snakemake(folder, *command)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr and "Error:" not in done.stderr
    assert (folder / "results" / "report.md").read_text() == "an older report"
    assert [path.name for path in (folder / "results").iterdir()] == ["report.md"]
    return [line for line in done.stderr.splitlines() if line.startswith("config: ")]


def test_on_the_command_line(tmp_path):
    """Snakemake reads these files before the workflow; the profile has them looked at before that."""
    content, message = FILES["a config that runs code"]
    (tmp_path / "bad.yaml").write_bytes(content)
    assert refused_in(tmp_path, "--configfile", "bad.yaml") == [f"config: bad.yaml{message}"]
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def typed(monkeypatch):
    """Return a function that makes these words this process's command."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["snakemake", *words])
        typed_command.cache_clear()

    yield run
    typed_command.cache_clear()


@pytest.mark.parametrize("what", FILES)
def test_what_the_profile_runs(typed, tmp_path, what):
    """It finds fault with every file that Snakemake could not read either."""
    content, message = FILES[what]
    (tmp_path / "bad.yaml").write_bytes(content)
    (tmp_path / "good.yaml").write_text(GOOD)
    flags = ["-n", "--cores", "1", "--configfile", f"{tmp_path}/good.yaml"]
    typed(*flags)
    assert command_error() is None
    typed(*flags, f"{tmp_path}/bad.yaml")
    assert command_error() == f"config: {tmp_path}/bad.yaml{message}"


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_looks_at_config_files_while_it_is_read(typed, tmp_path, monkeypatch, profile):
    content, message = FILES["a config that runs code"]
    (tmp_path / "bad.yaml").write_bytes(content)
    typed("--snakefile", f"{ROOT}/Snakefile", "--configfile", f"{tmp_path}/bad.yaml")
    monkeypatch.setattr(sys, "path", sys.path.copy())
    with open(PROFILES[profile]) as stream, pytest.raises(SystemExit) as caught:
        ProfileConfigFileParser().parse(stream)
    assert caught.value.code == f"config: {tmp_path}/bad.yaml{message}"


def test_what_both_profiles_say_is_the_same():
    """They cannot share it: what runs a profile's code tells it no path to read another file from."""
    texts = [path.read_text("utf-8") for path in PROFILES.values()]
    looks = [text[text.index("# Snakemake reads the config files") :] for text in texts]
    assert looks[0] == looks[1] and "command_error()" in looks[0]
    default, slurm = (yaml.safe_load(text) for text in texts)
    shared = {key: default[key] for key in default if key != "resources"}  # local GPUs
    assert len(shared) > 3 and shared.items() <= slurm.items()


def test_a_missing_file_on_the_command_line(tmp_path):
    assert refused_in(tmp_path, "--configfile", "none.yaml") == ["config: none.yaml: no such file"]


@pytest.mark.parametrize("profile", ["default", "none"])
def test_a_repeated_flag_is_refused_with_any_profile(miniature, tmp_path, profile):
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(miniature))
    flags = ["--configfile", "a.yaml", "--configfile", "a.yaml", "--workflow-profile", profile]
    done = snakemake(tmp_path, "-n", "--snakefile", f"{ROOT}/Snakefile", *flags, "--", "report")
    assert done.returncode == 1 and not (tmp_path / "results").exists()
    line = "--configfile is given 2 times, and Snakemake reads only the last; give all values after one: "
    assert (done.stdout + done.stderr).count(f"{line}--configfile a.yaml a.yaml") == 1
