"""Exports made ahead: taken over by the export's own job only where nothing that they depend on has changed."""

from types import SimpleNamespace

import pytest
from test_makers import Named

from emopress.artifact import short_hashes, write_json
from emopress.jobs import ahead
from emopress.jobs.context import AHEAD, Context

MAKER = "emopress.bundle.export:export"


def export(checkpoint, out):
    """Stand for an exporter."""
    out.mkdir(parents=True)
    (out / "model.onnx").write_bytes((checkpoint / "model.safetensors").read_bytes())
    write_json(out / "bundle.json", {"files": short_hashes(out)})


@pytest.fixture
def job(tmp_path, monkeypatch):
    """The job that exports a checkpoint which its maker has exported ahead."""
    monkeypatch.chdir(tmp_path)
    checkpoint = tmp_path / "tiny" / "checkpoint"
    checkpoint.mkdir(parents=True)
    (checkpoint / "model.safetensors").write_text("weights")
    write_json(checkpoint / "checkpoint.json", {"files": short_hashes(checkpoint)})
    (tmp_path / "code.txt").write_text("")
    ahead.make_ahead(export, MAKER, checkpoint, "code.txt")
    return SimpleNamespace(
        rule="export",
        input=Named(checkpoint=str(checkpoint / "checkpoint.json"), code="code.txt"),
        output=Named(out=str(tmp_path / "tiny" / "bundle" / "bundle.json")),
    )


def bundle(job):
    return ahead.Path(job.output.out).parent


def test_it_is_taken_over_once(job):
    assert ahead.takes_over(job, MAKER)
    assert sorted(path.name for path in bundle(job).iterdir()) == ["bundle.json", "model.onnx"]
    assert not list(AHEAD.iterdir()) and not ahead.takes_over(job, MAKER)


def test_an_older_bundle_is_replaced(job):
    bundle(job).mkdir()
    (bundle(job) / "old").touch()
    assert ahead.takes_over(job, MAKER) and not (bundle(job) / "old").exists()


@pytest.mark.parametrize("changed", ["checkpoint", "code", "maker", "library"])
def test_what_it_depends_on(job, changed, tmp_path, monkeypatch):
    maker = MAKER
    if changed == "checkpoint":
        write_json(job.input.checkpoint, {"files": {"model.safetensors": "0" * 32}})
    elif changed == "code":
        line = f"{'0' * 64}  {ahead.__file__}\n"
        (tmp_path / "code.txt").write_text(line)
    elif changed == "maker":
        maker = "emopress.bundle.convert_qat:convert_qat"
    else:
        monkeypatch.setattr(ahead, "library_facts", dict)
    assert not ahead.takes_over(job, maker) and not bundle(job).exists()


def test_a_damaged_one_is_discarded_with_a_warning(job, capfd):
    (made,) = AHEAD.iterdir()
    (made / "model.onnx").write_text("other")
    assert not ahead.takes_over(job, MAKER) and not bundle(job).exists()
    assert "export: the copy made ahead is discarded: " in capfd.readouterr().err


def test_an_export_that_fails_is_in_the_log_and_fails_no_checkpoint(job, caplog):
    def fails(checkpoint, out):
        raise OSError("no room")

    ahead.make_ahead(fails, "a:maker", bundle(job).with_name("checkpoint"), "code.txt")
    assert "not exported ahead" in caplog.text and "no room" in caplog.text


def test_a_job_without_a_checkpoint_takes_nothing_over(job):
    job.input = Named(parent="x", code="code.txt")
    assert not ahead.takes_over(job, MAKER)


def test_the_next_run_begins_without_what_was_not_used(job):
    Context().start()
    assert not AHEAD.exists()
