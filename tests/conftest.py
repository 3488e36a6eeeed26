"""What all tests share: demo texts as splits, training settings, and small checkpoints and bundles."""

import copy
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pandas
import pytest
import yaml

from command_line import STUCK_S
from plain_entries import plain_entry

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # no test may reach for the network
# Beside another busy process models as small as these train up to three times as fast with one thread. (The
# jobs of a workflow set what they were given.)
os.environ["OMP_NUM_THREADS"] = "1"
# A study's packages (requirements.lock) have no lxml, with which openpyxl would read and write where it is installed.
os.environ["OPENPYXL_LXML"] = "False"
ROOT = Path(__file__).parents[1]
MINIATURE = ("test_miniature.py", "test_reruns.py", "test_page_browser.py", "test_secrets.py")
LABELS = {
    "bn": ["anger", "disgust", "fear", "joy", "sadness", "surprise"],
    "en": ["sadness", "joy", "love", "anger", "fear", "surprise"],
}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Give a file's tests to one process of -n: they share fixtures. So do all that read the one miniature study."""
    from xdist.scheduler import LoadFileScheduling

    class ByStudy(LoadFileScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.split("::", 1)[0]
            return "the miniature study" if Path(file).name in MINIATURE else file

    # In the order of the folders: xdist would begin with the files of most tests, and those of few tests, which really
    # run a study, would come last, one process waiting for the other.
    config.option.loadscopereorder = False
    return ByStudy(config, log)


@pytest.fixture(autouse=True)
def one_torch_thread():
    """The number of threads that a test has torch take is not the next one's."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


@pytest.fixture(scope="session")
def training():
    """Return a function that gives training settings: the defaults and what it is given."""
    from emopress.entries.training import Training

    def settings(**changes):
        return {**Training().plain(), "precision": "fp32", **changes}

    return settings


@pytest.fixture(scope="session")
def filled():
    """Return a function that gives a model's or pass's entry (`linear`, `quantize`, ...) with its defaults."""
    return plain_entry


@pytest.fixture
def default_config():
    """Return the default config, a fresh copy to spoil."""
    return copy.deepcopy(yaml.safe_load((ROOT / "config" / "config.yaml").read_text("utf-8")))


def demo_frame(language):
    """Return a demo corpus as the splits hold it: id, text, label index."""
    frame = pandas.read_csv(ROOT / "data" / "demo" / f"demo-{language}.csv")
    return pandas.DataFrame(
        {
            "id": [f"demo-{language}-{i:05d}" for i in range(len(frame))],
            "text": frame["text"],
            "label": [LABELS[language].index(label) for label in frame["label"]],
        }
    )


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """Per language: its labels and a train (900), validation (150) and test (150) file."""
    result = {}
    for language in LABELS:
        folder, frame = tmp_path_factory.mktemp(f"demo-{language}"), demo_frame(language)
        parts = {"train": frame[:900], "validation": frame[900:1050], "test": frame[1050:]}
        files = {name: folder / f"{name}.parquet" for name in parts}
        for name, part in parts.items():
            part.to_parquet(files[name], index=False)
        result[language] = SimpleNamespace(
            labels=LABELS[language],
            frame=frame,
            **files,
            data={
                "labels": LABELS[language],
                "max_length": 32,
                "language": language,
                "normalise": "bengali" if language == "bn" else "none",
            },
        )
    return result


@pytest.fixture(scope="session")
def few(tmp_path_factory, demo):
    """The first 60 English training texts and 30 validation texts, for models that only have to exist."""
    folder = tmp_path_factory.mktemp("few")
    pandas.read_parquet(demo["en"].train)[:60].to_parquet(folder / "train.parquet")
    pandas.read_parquet(demo["en"].validation)[:30].to_parquet(folder / "validation.parquet")
    return SimpleNamespace(
        train=folder / "train.parquet",
        validation=folder / "validation.parquet",
        data=demo["en"].data,
        labels=demo["en"].labels,
    )


@pytest.fixture(scope="session")
def python():
    """Return a function that runs Python code in a fresh process that finds the library."""

    def run(code, *arguments, check=True):
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "workflow" / "scripts")}
        done = subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=STUCK_S,
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    return run


@pytest.fixture
def miniature():
    """The smallest study in which every rule has something to do, a fresh copy to change."""
    return yaml.safe_load((ROOT / "tests" / "miniature.yaml").read_text("utf-8"))


def _backwards(value):
    if isinstance(value, list):
        return [_backwards(item) for item in value]
    if isinstance(value, dict):
        return {key: _backwards(value[key]) for key in reversed(value)}
    return value


@pytest.fixture(scope="session")
def backwards():
    """Return a function: the same config with the keys of every dict in the opposite order."""
    return _backwards
