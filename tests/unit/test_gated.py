"""A checkpoint that the hub does not hand out: one line that says what to do, and never the token."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from standin_hub import standin_hub

from command_line import STUCK_S

LIBRARY = Path(__file__).parents[2] / "workflow" / "scripts"
TOKEN = "hf_TestTokenThatIsNowhereElse"
CODE = """
import sys
from pathlib import Path
from emopress.data.pretrained import fetch_model
from emopress.errors import UserError
source = {"repo": "google/gemma-1.1-2b-it", "revision": sys.argv[1]}
try:
    fetch_model("gemma", source, mirrors=[], dest=Path(sys.argv[2]))
except UserError as error:
    print(error)
"""
# The hub's client tries again five times, with 23 s of waiting in all.
WITHOUT_WAITING = """
from types import SimpleNamespace
from huggingface_hub.utils import _http
_http.time = SimpleNamespace(sleep=lambda seconds: None)
"""
PINNED = "d" * 40


@pytest.fixture
def fetch(tmp_path):
    """Return a function that fetches a model in a fresh process and returns its lines."""

    def run(hub, revision, token, before=""):
        dropped = ("HF_", "HUGGING", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        environment = {k: v for k, v in os.environ.items() if not k.upper().startswith(dropped)}
        environment |= {
            "PYTHONPATH": str(LIBRARY),
            "HF_HOME": str(tmp_path / "home"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_ENDPOINT": hub.address,
            **({"HF_TOKEN": token} if token else {}),
        }
        done = subprocess.run(
            [sys.executable, "-c", before + CODE, revision, str(tmp_path / "checkpoint")],
            env=environment,
            capture_output=True,
            text=True,
            timeout=STUCK_S,
        )
        assert done.returncode == 0, done.stderr
        assert TOKEN not in done.stdout + done.stderr
        assert not (tmp_path / "checkpoint").exists()
        return done.stdout.splitlines()

    return run


@pytest.mark.parametrize("token", [None, TOKEN])
@pytest.mark.parametrize(
    ("revision", "where"), [(PINNED, "/tree/"), (PINNED, "/resolve/"), ("main", "/revision/")]
)
def test_one_line_says_what_to_do(fetch, revision, where, token):
    """Refused where the files are listed (private), are downloaded (gated), or a branch is resolved."""
    status = 403 if token else 401
    with standin_hub() as hub:
        refusal = {"error": f"Access to this is restricted, {TOKEN}", "code": "GatedRepo"}
        hub.failures[where] = (status, refusal)
        (line,) = fetch(hub, revision, token)
        if token:
            assert any(h.get("authorization") == f"Bearer {TOKEN}" for _, _, h, _ in hub.requests)
    assert "hub repository google/gemma-1.1-2b-it: no access" in line and str(status) in line
    assert "accept its terms on https://huggingface.co/google/gemma-1.1-2b-it" in line
    assert "HF_TOKEN" in line
    if revision == PINNED:
        assert line.startswith("model 'gemma': ") and "reads DIR/models/gemma/" in line


def test_other_errors_are_told_as_they_are(fetch):
    with standin_hub() as hub:
        hub.failures["/tree/"] = (500, {"error": "out of order"})
        (line,) = fetch(hub, PINNED, None, before=WITHOUT_WAITING)
        assert sum("/tree/" in path for path in hub.paths()) == 6
    assert "cannot download hub repository" in line and "no access" not in line
