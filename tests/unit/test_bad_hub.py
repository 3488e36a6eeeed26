"""Every bad checkpoint and hub of tests/bad_hub.py is refused in its line, and no older checkpoint is touched."""

import re

import pytest
from standin_repository import standin_repository

from bad_hub import CHECKPOINTS, COMMIT, GOOD, HUBS, WEIGHTS
from emopress.data.pretrained import fetch_model
from emopress.errors import UserError

SOURCE = {"repo": "a/b", "revision": COMMIT}


@pytest.fixture
def older(tmp_path):
    """A checkpoint of an earlier run; afterwards it must be what it was, with nothing beside it."""
    dest = tmp_path / "models" / "m"
    dest.mkdir(parents=True)
    (dest / "pretrained.json").write_text("an older checkpoint")
    yield dest
    assert [path.name for path in dest.parent.iterdir()] == ["m"]
    assert [path.read_text() for path in dest.iterdir()] == ["an older checkpoint"]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A repository with GOOD in it, at which huggingface_hub's client looks; its pauses are skipped."""
    import huggingface_hub.constants as constants

    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def look_at(address):
        monkeypatch.setattr(constants, "ENDPOINT", address)
        template = address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)

    files = dict(GOOD)
    with standin_repository(files, COMMIT) as served:
        served.files, served.look_at = files, look_at
        look_at(served.address)
        yield served


def refused(dest, **options):
    with pytest.raises(UserError) as caught:
        fetch_model("m", SOURCE, **{"mirrors": [], "dest": dest} | options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("what", CHECKPOINTS)
def test_a_bad_checkpoint_in_a_mirror(tmp_path, older, what):
    changes, message = CHECKPOINTS[what]
    folder = tmp_path / "mirror" / "models" / "m"
    folder.mkdir(parents=True)
    for name, content in {**GOOD, **changes}.items():
        if content is not None:
            (folder / name).write_bytes(content)
    told = refused(older, mirrors=[tmp_path / "mirror"])
    assert told == f"model 'm': mirror {folder}{message}"


@pytest.mark.parametrize("what", ["half of the weights", "weights as pickle only"])
def test_a_bad_checkpoint_on_the_hub(hub, older, what):
    changes, message = CHECKPOINTS[what]
    hub.files |= {name: content for name, content in changes.items() if content is not None}
    for name in [name for name, content in changes.items() if content is None]:
        del hub.files[name]
    assert refused(older) == f"model 'm': hub a/b at {COMMIT}{message}"
    assert not any(path.endswith(".bin") for _, path, _ in hub.requests), "pickles are not fetched"


@pytest.mark.parametrize("what", HUBS)
def test_a_bad_hub(hub, older, what):
    mode, message = HUBS[what]
    if mode is None:
        hub.look_at("http://127.0.0.1:9")  # the discard port, which nothing listens on
    elif mode == "breaks":
        hub.breaks["model.safetensors"] = 99
    else:
        hub.refusal = mode
    told = refused(older)
    assert re.fullmatch(re.escape(message).replace("…", r"\d+"), told), told


def test_a_good_checkpoint_comes_over_a_connection_that_breaks_off(hub, tmp_path):
    """What is written is the whole file: in the same run, and in a later one after all attempts failed."""
    hub.breaks["model.safetensors"] = 99
    refused(tmp_path / "m")
    assert not (tmp_path / "m").exists()
    hub.breaks["model.safetensors"] = 1
    fetch_model("m", SOURCE, mirrors=[], dest=tmp_path / "m")
    assert hub.breaks["model.safetensors"] == 0
    assert (tmp_path / "m" / "model.safetensors").read_bytes() == WEIGHTS
