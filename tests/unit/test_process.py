"""Fresh processes: what is measured is theirs alone, and they import what a user's program does."""

import json
import time

import numpy as np
import pytest

from emopress.errors import UserError
from emopress.measure import process
from emopress.measure.cold_start import open_classifier, peak_memory_bytes
from emopress.measure.process import Start, median, start_once, start_processes

IMPORTED = """
import io, json, sys
class Input:
    buffer = io.BytesIO("i feel fine".encode())
sys.stdin = Input()
from emopress.measure.cold_start import main
main(*sys.argv[1:])
heavy = {"torch", "transformers", "pandas", "sklearn", "onnxruntime", "tokenizers", "openvino", "tqdm"}
print(json.dumps(sorted(heavy & set(sys.modules))))
"""


@pytest.mark.parametrize(("name", "expected"), [("linear", []), ("bert-static", ["onnxruntime"])])
def test_it_imports_what_a_users_program_does(artifacts, python, name, expected):
    done = python(IMPORTED, artifacts.bundles[name], "bundle", 1)
    first, peak, modules = done.stdout.splitlines()
    assert first == "predicted" and int(peak) > 5e6
    assert json.loads(modules) == expected


def test_a_start(artifacts):
    before = time.perf_counter()
    start = start_once(artifacts.bundles["linear"], "linear", text="আমি ভালো আছি", threads=1)
    assert 0 < start.cold_start_ms < 1e3 * (time.perf_counter() - before)
    assert 10e6 < start.peak_memory_bytes < 500e6


def test_the_peak_is_that_of_the_child_not_of_who_starts_it(artifacts):
    """ru_maxrss is handed on from a process to what it starts; this one is large."""
    import resource

    ballast = np.ones(80_000_000)  # 640 MB
    assert ballast.sum() == 80_000_000
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    start = start_once(artifacts.bundles["linear"], "linear", text="x", threads=1)
    assert start.peak_memory_bytes < own / 2


def test_memory_that_was_given_back_counts(python):
    code = (
        "from emopress.measure.cold_start import peak_memory_bytes as p; before = p(); "
        "x = bytearray(200_000_000); del x; print(p() - before)"
    )
    assert 180e6 < int(python(code).stdout) < 220e6
    assert peak_memory_bytes() > 10e6


def test_a_long_text_fits(artifacts):
    """Longer than a pipe's buffer or a command line's argument may be."""
    assert start_once(artifacts.bundles["linear"], "linear", text="ভালো " * 40_000, threads=1)


def test_the_time_ends_at_the_prediction(tmp_path, monkeypatch):
    """A stand-in for the child: 0.3 s until it predicts, and 1 s more before it ends."""
    package = tmp_path / "emopress" / "measure"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("")
    (package / "cold_start.py").write_text(
        "import time\nprint('some library talks')\ntime.sleep(0.3)\nprint('predicted', flush=True)\n"
        "time.sleep(1)\nprint(12345)\n"
    )
    monkeypatch.setattr(process, "LIBRARY", tmp_path)
    before = time.perf_counter()
    start = start_once(tmp_path, "linear", text="x", threads=1)
    whole_ms = 1e3 * (time.perf_counter() - before)
    assert (
        300 < start.cold_start_ms < whole_ms - 1000
    )  # however long either takes on a busy machine
    assert start.peak_memory_bytes == 12345


def test_a_bundle_that_cannot_be_opened_is_one_line(copied):
    folder = copied("linear")
    (folder / "model.npz").write_bytes(b"spoilt")
    with pytest.raises(UserError, match=r"fresh process with runtime linear .*status 1.*damaged"):
        start_once(folder, "linear", text="x", threads=1)


def test_starts_are_interleaved_and_their_medians_taken(monkeypatch):
    asked = []
    times = {"a": iter([30.0, 10.0, 20.0]), "b": iter([5.0, 7.0, 9.0])}

    def start(folder, runtime, *, text, threads):
        asked.append((folder, runtime, text, threads))
        return Start(next(times[folder]), 100 * len(asked))

    monkeypatch.setattr(process, "start_once", start)
    found = start_processes([("a", "linear"), ("b", "pytorch")], text="x", threads=2, times=3)
    assert [one.cold_start_ms for one in found] == [20.0, 7.0]
    rounds = [asked[at : at + 2] for at in range(0, 6, 2)]
    expected = [("a", "linear", "x", 2), ("b", "pytorch", "x", 2)]
    assert all(sorted(one) == expected for one in rounds)


def test_median_by_hand():
    starts = [Start(1.0, 10), Start(9.0, 30), Start(2.0, 20), Start(3.0, 50)]
    assert median(starts) == Start(2.5, 25)


def test_every_runtime_opens(artifacts):
    pytorch = open_classifier(artifacts.checkpoints["bert"], "pytorch", threads=1)
    onnx = open_classifier(artifacts.bundles["bert"], "onnxruntime", threads=1, verify=False)
    texts = ["i feel fine", "what a day"]
    assert np.abs(pytorch.predict_proba(texts) - onnx.predict_proba(texts)).max() < 1e-4
