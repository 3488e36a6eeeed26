"""`emopress push` against a stand-in of the hub: what arrives, what is refused, and where the token goes."""

import json
import os
import shutil
import socket
import subprocess
import sys

import pytest
from carded import ROOT, write_data_card, write_predictions
from standin_hub import standin_hub

from command_line import STUCK_S
from emopress.card import facts
from emopress.card.upload import shipment
from emopress.cli import main

TOKEN = "hf_TestTokenThatIsNowhereElse"
REPO = "someone/a-model"


@pytest.fixture
def hub():
    with standin_hub() as hub:
        yield hub


@pytest.fixture
def push(tmp_path):
    """Return a function that runs the command in a fresh process, with a hub's address and a token."""

    def run(*arguments, hub=None, token=TOKEN, **variables):
        dropped = ("HF_", "HUGGING", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        environment = {k: v for k, v in os.environ.items() if not k.upper().startswith(dropped)}
        environment |= {
            "PYTHONPATH": str(ROOT / "workflow" / "scripts"),
            "HF_HOME": str(tmp_path / "home"),
            "HF_HUB_DISABLE_XET": "1",  # the stand-in has no Xet storage, only LFS
            "HF_ENDPOINT": hub.address if hub else "http://127.0.0.1:9",
            **({"HF_TOKEN": token} if token else {}),
            **variables,
        }
        done = subprocess.run(
            [sys.executable, "-m", "emopress", "push", *map(str, arguments)],
            env=environment,
            capture_output=True,
            text=True,
            timeout=STUCK_S,
        )
        assert TOKEN not in done.stdout + done.stderr
        return done

    return run


@pytest.fixture
def refused(push):
    """Return a function that runs a command that must fail, and gives its one line."""

    def run(*arguments, **options):
        done = push(*arguments, **options)
        assert done.returncode == 1 and done.stdout == "", done
        lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1 and "Traceback" not in done.stderr, done.stderr
        assert done.stderr.rstrip().endswith(lines[0])
        return lines[0]

    return run


@pytest.fixture
def bundle(copied):
    return copied("bert-static")


def test_what_arrives_is_the_bundle_and_its_card(tmp_path, artifacts, demo, push, hub):
    seed = tmp_path / "results" / "demo-en" / "bert+static" / "seed0"
    folder = shutil.copytree(artifacts.bundles["bert-static"], seed / "bundle")
    (folder / "left-over.tmp").write_text("no part of the bundle")
    write_predictions(seed / "predictions.parquet", demo["en"].labels)
    write_data_card(tmp_path / "results" / "data" / "demo-en" / "card.json", demo)
    done = push(folder, REPO, hub=hub)
    assert (done.returncode, done.stdout) == (0, f"{hub.address}/{REPO}/commit/{'1' * 40}\n")
    (commit,) = hub.commits
    card = commit["files"].pop("README.md").decode()
    assert set(commit["files"]) == {
        "model.onnx",
        "tokenizer.json",
        "bundle.json",
        "provenance.json",
    }
    for name, content in commit["files"].items():
        assert content == (folder / name).read_bytes()
    assert commit["modes"] == {
        "README.md": "file",
        "bundle.json": "file",
        "provenance.json": "file",
        "tokenizer.json": "file",
        "model.onnx": "lfsFile",
    }
    assert commit["repo"] == REPO and commit["revision"] == "main" and commit["query"] == ""
    assert commit["message"] == "Upload bert+static, seed 0"
    assert "model-index:" in card and f"hf download {REPO} --local-dir model" in card


def test_what_arrived_predicts(bundle, tmp_path, push, hub, texts, probabilities):
    from emopress.runtime.bundle import load

    assert push(bundle, REPO, "--without-metrics", hub=hub).returncode == 0
    there = tmp_path / "downloaded"
    there.mkdir()
    for name, content in hub.commits[0]["files"].items():
        (there / name).write_bytes(content)
    assert (load(there).predict_proba(texts) == probabilities["bert-static"]).all()


def test_the_token_is_in_the_header_and_nowhere_else(bundle, push, hub):
    assert push(bundle, REPO, "--without-metrics", hub=hub).returncode == 0
    for _, path, headers, body in hub.requests:
        headers = {key.lower(): value for key, value in headers.items()}
        own = headers.pop("authorization", None)
        # The storage that the hub names may be another company's; the other is a public list.
        public = path.startswith("/lfs/") or path == "/api/agent-harnesses"
        assert own == (None if public else f"Bearer {TOKEN}"), path
        assert TOKEN not in path + json.dumps(headers) and TOKEN.encode() not in body
    assert "PUT" in {method for method, *_ in hub.requests}


def test_options_reach_the_hub(bundle, push, hub):
    done = push(
        bundle, REPO, "--without-metrics", "--private", "--revision", "int8/x", "--message", "Hello",
        hub=hub,
    )  # fmt: skip
    assert done.returncode == 0
    assert hub.existing == {REPO: True} and hub.branches == ["int8/x"]
    assert (hub.commits[0]["revision"], hub.commits[0]["message"]) == ("int8/x", "Hello")


def test_a_pull_request(bundle, push, hub):
    hub.existing[REPO] = False
    done = push(bundle, REPO, "--without-metrics", "--create-pr", hub=hub)
    assert done.stdout == f"{hub.address}/{REPO}/discussions/3\n"
    assert hub.commits[0]["query"] == "create_pr=1"


def test_a_gitignore_there_keeps_nothing_away(bundle, push, hub):
    hub.existing[REPO], hub.ignored = False, ["*.json", "*.onnx"]
    assert push(bundle, REPO, "--without-metrics", hub=hub).returncode == 0
    names = {"README.md", "bundle.json", "model.onnx", "provenance.json", "tokenizer.json"}
    assert set(hub.commits[0]["files"]) == names


def test_private_never_becomes_public(bundle, refused, hub):
    hub.existing[REPO] = False
    line = refused(bundle, REPO, "--without-metrics", "--private", hub=hub)
    assert "exists and is public" in line
    assert not hub.commits and not hub.stored


@pytest.mark.parametrize("repo", ["https://huggingface.co/me/it", "results/d/v/seed0/bundle"])
def test_a_repository_is_an_owner_and_a_name(bundle, refused, hub, repo):
    line = refused(bundle, repo, "--without-metrics", hub=hub)
    assert f"repository {repo!r}: expected OWNER/NAME, after the bundle" in line


def test_dry_run_uses_no_network_and_no_token(bundle, push, hub):
    done = push(bundle, REPO, "--without-metrics", "--dry-run", hub=hub, token=None)
    assert done.returncode == 0 and hub.requests == []
    told = done.stdout.splitlines()
    assert told[0] == f"would upload to {REPO} at {hub.address}, branch main, in one commit"
    assert told[1:4] == [
        "visibility: public if the repository is new",
        "licence: other",
        "message: Upload tiny+a-name, seed 0",
    ]
    sizes = {line.split()[-1]: int(line.split()[0].replace(",", "")) for line in told[4:-1]}
    for name in ("bundle.json", "model.onnx", "provenance.json", "tokenizer.json"):
        assert sizes[name] == (bundle / name).stat().st_size
    assert set(sizes) - {"README.md"} == {
        "bundle.json",
        "model.onnx",
        "provenance.json",
        "tokenizer.json",
    }
    assert told[-1].split(None, 1) == [f"{sum(sizes.values()):,}", "bytes  in 5 files"]


def test_every_kind_of_bundle_goes_whole(artifacts):
    for name, folder in artifacts.bundles.items():
        files = shipment(facts.opened(folder), "card")
        on_disk = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
        assert set(files) == on_disk | {"README.md"}
        in_numpy = name.startswith(
            ("linear", "dense", "conv")
        )  # these hold their words in model.npz
        assert "bundle.json" in files and ("tokenizer.json" in files) != in_numpy


def test_no_token(bundle, refused, hub):
    line = refused(bundle, REPO, "--without-metrics", hub=hub, token=None)
    assert "no token" in line and "hf auth login" in line and "HF_TOKEN" in line
    assert hub.requests == []


def test_a_token_from_logging_in(bundle, tmp_path, push, hub):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "token").write_text(TOKEN)
    assert push(bundle, REPO, "--without-metrics", hub=hub, token=None).returncode == 0
    assert hub.commits


@pytest.mark.parametrize(
    ("part", "status", "expected"),
    [
        ("/repos/create", 401, "does not accept the token (Invalid ***); log in with"),
        ("/repos/create", 403, f"the token may not write to {REPO} (Invalid ***)"),
        ("/preupload/", 404, f"has no {REPO} that the token may see"),
        ("/preupload/", 403, "may not write"),
        ("/lfs/", 403, "may not write"),
        ("/commit/", 400, "answered with status 400 (Invalid ***)"),
        ("/commit/", 503, "answered with status 503 (Invalid ***); try again later"),
    ],
)
def test_refusals_are_one_line_without_the_token(bundle, refused, hub, part, status, expected):
    hub.failures[part] = (status, {"error": f"Invalid {TOKEN}"})
    assert expected in refused(bundle, REPO, "--without-metrics", hub=hub)
    assert not hub.commits


def test_no_network(bundle, refused):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        line = refused(bundle, REPO, "--without-metrics", HF_ENDPOINT=address)
        assert f"cannot reach {address}" in line and "try again" in line
    line = refused(bundle, REPO, "--without-metrics", HF_HUB_OFFLINE="1")
    assert "HF_HUB_OFFLINE" in line


def test_a_storage_that_is_not_there(bundle, refused, hub):
    """With Xet, which hf_xet uploads by itself, an answer that it cannot use is one line as well."""
    line = refused(bundle, REPO, "--without-metrics", hub=hub, HF_HUB_DISABLE_XET="0")
    assert line.startswith("error: push: ")
    assert not hub.commits


def test_mistakes_before_the_network(bundle, capsys):
    def line(*arguments):
        assert main(["push", *map(str, arguments)]) == 1
        out, err = capsys.readouterr()
        assert out == "" and err.count("\n") == 1
        return err

    assert "--without-metrics" in line(bundle, REPO)
    assert "its owner is missing" in line(bundle, "a-model", "--without-metrics")
    assert "a/b/c" in line(bundle, "a/b/c", "--without-metrics")
    assert "leave --revision out" in line(bundle, REPO, "--create-pr", "--revision", "x")
    (bundle / "model.onnx").write_bytes(b"other")
    assert "model.onnx: damaged" in line(bundle, REPO, "--without-metrics")
