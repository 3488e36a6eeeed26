"""`emopress predict`: what a pipeline gets from it, whatever the lines hold."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas
import pytest

from bad_commands import PREDICT
from command_line import STUCK_S
from emopress.artifact import read_json
from emopress.cli import lines as lines_module
from emopress.cli import main
from emopress.cli.lines import Lines
from emopress.cli.predict import json_line, probabilities, tsv_line
from emopress.errors import UserError
from emopress.runtime.bundle import load

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "workflow" / "scripts")}
COMMAND = [sys.executable, "-m", "emopress", "predict"]
PEAK = """
import re, sys
from emopress.cli import main
status = main(sys.argv[1:])
found = re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())  # ru_maxrss counts the parent's
print(found[1], file=sys.stderr)
sys.exit(status)
"""


@pytest.fixture(scope="module")
def linear(artifacts):
    return artifacts.bundles["linear"]


@pytest.fixture(scope="module")
def model(linear):
    return load(linear)


def run(*arguments, stdin=b"", **options):
    """Run the command in a fresh process; output and errors are bytes."""
    return subprocess.run(
        [*COMMAND, *map(os.fsencode, arguments)],
        input=stdin,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        timeout=STUCK_S,
        **{"stdout": subprocess.PIPE, **options},
    )


def rows(done):
    assert done.returncode == 0, done.stderr
    return [line.split("\t") for line in done.stdout.decode("utf-8").split("\n")[:-1]]


def objects(done):
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.decode("utf-8").split("\n")[:-1]]


def one_line(done):
    text = done.stderr.decode("utf-8")
    assert text.count("\n") == 1 and "Traceback" not in text, text
    return text


def expected(model, texts):
    found = model.predict_proba(texts)
    best = found.argmax(axis=1)
    return [[model.labels[i], f"{row[i]:.4f}"] for i, row in zip(best, found, strict=True)]


def test_texts_of_the_command_line(linear, model):
    texts = ["i feel wonderful", "leave me alone", "i feel wonderful"]
    done = run(linear, *texts)
    assert rows(done) == expected(model, texts) and not done.stderr


def test_lines_of_standard_input_in_their_order(artifacts, texts, demo):
    filled = [*texts[:40], *demo["en"].frame["text"][:100]]
    stdin = "\n".join(filled).encode("utf-8")
    for name in ("linear", "bert"):
        model = load(artifacts.bundles[name])
        assert rows(run(artifacts.bundles[name], stdin=stdin)) == expected(model, filled)


def test_batches_keep_the_order(artifacts, texts):
    """Of texts that differ in length, which the model gets sorted, and with an empty one among them."""
    stdin = "\n".join(texts).encode("utf-8")
    single, batched = (
        objects(run(artifacts.bundles["bert"], "--json", "--batch-size", size, stdin=stdin))
        for size in ("1", "7")
    )
    assert [row["text"] for row in batched] == texts
    for one, other in zip(single, batched, strict=True):
        assert one["label"] == other["label"]
        assert one["probability"] == pytest.approx(other["probability"], abs=1e-5)


@pytest.mark.parametrize("size", ["1", "4"])
def test_empty_lines_keep_their_place(linear, size):
    done = run(linear, "--batch-size", size, stdin=b"\nhello\n \t\n\r\n\xe2\x80\x83\nbye\n\n")
    assert [row[0] != "" for row in rows(done)] == [0, 1, 0, 0, 0, 1, 0]
    assert all(row == ["", ""] for row in rows(done) if not row[0])
    found = objects(run(linear, "--json", "--all", "", " x "))
    assert found[0] == {"text": "", "label": None, "probability": None, "probabilities": None}
    assert found[1]["text"] == " x " and found[1]["label"]


def test_no_input_no_output(linear):
    done = run(linear)
    assert rows(done) == [] and not done.stderr


def test_all_labels(linear, model):
    text = "i am so scared"
    (row,) = rows(run(linear, "--all", text))
    labels, values = row[::2], [float(value) for value in row[1::2]]
    assert sorted(labels) == sorted(model.labels) and values == sorted(values, reverse=True)
    (found,) = objects(run(linear, text, "--json", "--all"))
    assert list(found["probabilities"]) == model.labels
    assert list(found["probabilities"].values()) == pytest.approx(
        model.predict_proba([text])[0], abs=1e-6
    )
    assert found["label"] == labels[0]
    assert found["probability"] == found["probabilities"][labels[0]]


def test_rows_by_hand():
    row, one = [0.25, 0.625, 0.125], {"labels": ["ক", "b", "c"], "thresholds": None}
    assert tsv_line("x", row, **one, every=False) == "b\t0.6250"
    assert tsv_line("x", row, **one, every=True) == "b\t0.6250\tক\t0.2500\tc\t0.1250"
    assert tsv_line("", None, **one, every=False) == "\t"
    assert tsv_line("", None, **one, every=True) == "\t\t\t\t\t"
    assert json_line('"ক', row, **one, every=False) == (
        '{"text": "\\"ক", "label": "b", "probability": 0.625}'
    )


def test_line_ends_marks_and_control_characters(linear):
    stdin = (
        "\ufeffone\r\ntwo\u2028still two\x0cand\n\x00thr\x00ee\nfour\rfive\n\ufefffive\r\r\nlast"
    )
    found = objects(run(linear, "--json", stdin=stdin.encode("utf-8")))
    assert [row["text"] for row in found] == [
        *("one", "two\u2028still two\x0cand", "\x00thr\x00ee", "four\rfive", "\ufefffive\r", "last")
    ]


def test_bytes_that_are_not_utf8(linear):
    done = run(linear, "--json", stdin=b"fine\nba\xffd\n\xe0\xa6\n\xed\xa0\x80\n")
    assert [row["text"] for row in objects(done)] == ["fine", "ba�d", "�", "���"]
    assert "warning: standard input, line 2: not UTF-8" in one_line(done)
    done = run(linear, b"--json", "fine", b"ba\xffd")
    assert [row["text"] for row in objects(done)] == ["fine", "ba�d"]
    assert "warning: TEXT 2: not UTF-8" in one_line(done)


def test_utf16_is_told(linear):
    done = run(linear, stdin="hello\n".encode("utf-16"))
    assert done.returncode == 1 and not done.stdout
    assert "standard input: UTF-16; expected UTF-8" in one_line(done)


@pytest.mark.parametrize("name", ["linear", "bert"])
def test_long_lines(artifacts, name):
    """100,000 characters: many words, one word, Bengali; a transformer reads what it read in training."""
    long = ["i feel happy " * 7_700, "a" * 100_000, "ভালো " * 20_000]
    bundle = artifacts.bundles[name]
    done = run(bundle, stdin="\n".join([*long, "short"]).encode("utf-8"))
    assert rows(done) == expected(load(bundle), [*long, "short"]) and not done.stderr
    if name == "bert":  # 32 tokens at most
        start = "i feel happy " * 20
        assert rows(done)[0] == expected(load(bundle), [start])[0]


def pieces(*parts, size=1):
    """Return the batches and warnings of Lines on a pipe into which these bytes were written."""
    reader, writer = os.pipe()
    for part in parts:
        os.write(writer, part)
    os.close(writer)
    warnings = []
    with open(reader, "rb") as stream:
        found = Lines(stream, name="in", warn=warnings.append)
        return list(found.batches(size)), warnings


@pytest.mark.parametrize("chunk", [1, 2, 3, 1000])
def test_lines_do_not_depend_on_how_they_arrive(monkeypatch, chunk):
    monkeypatch.setattr(lines_module, "CHUNK_BYTES", chunk)
    found, warnings = pieces("\ufeffআমি\r\n\n".encode(), b"b\n\nlast", size=2)
    assert found == [["আমি", ""], ["b", ""], ["last"]] and not warnings


@pytest.mark.parametrize("chunk", [1, 4, 1000])
def test_endless_lines_are_cut(monkeypatch, chunk):
    monkeypatch.setattr(lines_module, "LONGEST_BYTES", 7)
    monkeypatch.setattr(lines_module, "CHUNK_BYTES", chunk)
    found, warnings = pieces("1234567\n12345678\nআআআ\nabc\n123456789".encode())
    # 7 bytes are two Bengali letters and a third of one, which goes
    assert found == [["1234567"], ["1234567"], ["আআ"], ["abc"], ["1234567"]]
    assert len(warnings) == 1 and warnings[0].startswith("in, line 2: more than 7 bytes")


@pytest.mark.parametrize("size", ["1", "8"])
def test_each_line_is_answered_at_once(linear, size):
    command = [*COMMAND, str(linear), "--batch-size", size]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, env=ENVIRONMENT, **pipes) as process:
        for text in (b"one\n", b"\n", b"three\n"):
            process.stdin.write(text)
            process.stdin.flush()
            answer = process.stdout.readline()  # would wait for ever
            assert (answer == b"\t\n") == (text == b"\n")
        process.stdin.close()
        assert process.stdout.read() == b"" and process.wait(timeout=STUCK_S) == 0


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="NOT TESTED: needs /proc")
def test_memory_does_not_grow_with_the_input(linear, tmp_path):
    peaks = {}
    for count in (500, 10_000):
        path = tmp_path / f"{count}.txt"
        path.write_text("".join(f"i feel like number {i}{' ' * 1000}\n" for i in range(count)))
        with open(path, "rb") as stream:
            done = subprocess.run(
                [sys.executable, "-c", PEAK, "predict", str(linear), "--json", "--all"],
                stdin=stream,
                env=ENVIRONMENT,
                capture_output=True,
                timeout=STUCK_S,
            )
        assert done.stdout.count(b"\n") == count
        peaks[count] = int(done.stderr) / 1024
    assert peaks[10_000] < peaks[500] + 4, "MB; the input is 10 MB, and the output more"


def test_a_reader_that_goes_away(linear):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([*COMMAND, str(linear)], env=ENVIRONMENT, **pipes) as process:
        process.stdin.write(b"hello\n")
        process.stdin.flush()
        assert process.stdout.readline()
        process.stdout.close()
        process.stdin.write(b"hello\n" * 10)
        process.stdin.close()
        assert process.stderr.read() == b"" and process.wait(timeout=STUCK_S) == 141


def test_an_interrupt_is_quiet(linear):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}

    def listen():
        """Let the process hear SIGINT though this one, in a shell's background, may not."""
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(
        [*COMMAND, str(linear)], env=ENVIRONMENT, preexec_fn=listen, **pipes
    ) as process:
        process.stdin.write(b"hello\n")
        process.stdin.flush()
        assert process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=STUCK_S) == 130
        assert process.stderr.read() == b""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_full_disk_is_told(linear):
    with open("/dev/full", "wb") as full:
        done = run(linear, "hello", stdout=full)
    assert done.returncode == 1 and "No space left" in one_line(done)


def spoilt(folder, **changes):
    """Change keys of a manifest, in place; None deletes one."""
    path = folder / "bundle.json"
    facts = {**read_json(path), **changes}
    path.write_text(json.dumps({k: v for k, v in facts.items() if v is not None}))
    return folder


def test_what_is_no_bundle(artifacts, copied, tmp_path, capsys):
    bundle = copied("linear")
    (tmp_path / "file.txt").write_text("x")
    (tmp_path / "seed0").mkdir()
    bundle.rename(tmp_path / "seed0" / "bundle")
    bundle = tmp_path / "seed0" / "bundle"
    expected_a_bundle = "expected a bundle, a folder with bundle.json"
    cases = {
        tmp_path / "nix": f"nix/bundle.json: no such file; {expected_a_bundle}",
        tmp_path / "seed0": f"no such file; {expected_a_bundle} (meant {bundle}?)",
        tmp_path / "file.txt": f"file.txt: a file; {expected_a_bundle}",
        bundle / "bundle.json": f"bundle.json: a file; {expected_a_bundle} (meant {bundle}?)",
        artifacts.checkpoints[
            "bert"
        ]: f"a checkpoint, which only training reads; {expected_a_bundle} "
        f"(meant {artifacts.bundles['bert']}?)",
        artifacts.checkpoints["linear"]: "a checkpoint, which only training reads",
    }
    for path, message in cases.items():
        assert main(["predict", str(path), "hello"]) == 1
        out, err = capsys.readouterr()
        assert message in err and err.startswith("error: ") and err.count("\n") == 1 and not out


@pytest.mark.parametrize(
    "given", ["results/d/linear", "results/d", "results", "linear", "d/linear", "linear/seed0"]
)
def test_a_bundle_nearby_is_named(artifacts, tmp_path, monkeypatch, capsys, given):
    monkeypatch.chdir(tmp_path)
    there = "results/d/linear/seed0/bundle"
    shutil.copytree(artifacts.bundles["linear"], there)
    assert main(["predict", given, "hello"]) == 1
    assert f"(meant {there}?)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("linear", {"labels": None}, "bundle.json: damaged ('labels' is not of type list)"),
        ("linear", {"files": []}, "bundle.json: damaged ('files' is not of type dict)"),
        ("linear", {"ngrams": None}, "bundle.json: damaged ('ngrams' is not of type list)"),
        ("bert", {"max_length": "32"}, "bundle.json: damaged ('max_length' is not of type int)"),
        (
            "linear",
            {"format": 3},
            "format 3, this emopress reads 2 and older; a newer emopress made",
        ),
        ("linear", {"files": {"model.npz": "0"}}, "damaged ('files' is not a table of hashes)"),
        ("linear", {"runtime": "llama"}, "unknown runtime 'llama'"),
        ("linear", {"normalise": "latin"}, "unknown method 'latin'"),
    ],
)
def test_a_damaged_manifest(copied, capsys, name, changes, message):
    assert main(["predict", str(spoilt(copied(name), **changes)), "hello"]) == 1
    _, err = capsys.readouterr()
    assert message in err and err.count("\n") == 1


def test_damaged_files(copied, capsys):
    folder = copied("bert")
    (folder / "model.onnx").write_bytes(b"x")
    assert main(["predict", str(folder), "hello"]) == 1
    assert "model.onnx: damaged" in capsys.readouterr().err
    (folder / "bundle.json").write_text("[]")
    assert main(["predict", str(folder), "hello"]) == 1
    assert "bundle.json: damaged (not a JSON object)" in capsys.readouterr().err


def test_a_model_that_gives_no_numbers(model, monkeypatch):
    monkeypatch.setattr(model, "predict_proba", lambda texts, **_: np.full((len(texts), 6), np.nan))
    with pytest.raises(UserError, match="not a number"):
        probabilities(model, ["hello"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "emopress: the following arguments are required: COMMAND"),
        (["nix"], "invalid choice: 'nix'"),
        (["predict"], "predict: the following arguments are required: BUNDLE (see"),
        (["predict", "b", "x", "--nix"], "unrecognized arguments: --nix"),
        (["predict", "b", "--threads", "0"], "invalid whole number above zero value: '0'"),
        (["predict", "b", "--batch-size", "many"], "invalid whole number above zero value: 'many'"),
        (["compare", "a", "b"], "compare: the following arguments are required: --data"),
    ],
)
def test_mistakes_on_the_command_line(words, message, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    out, err = capsys.readouterr()
    assert ended.value.code == 2 and message in err and err.count("\n") == 1 and not out


def test_options_stand_anywhere(linear, model):
    texts = ["hello", "-x", "--json"]
    assert rows(run("--threads", "1", linear, "hello", "--", *texts[1:])) == expected(model, texts)
    found = objects(run(linear, "hello", "--json", "--", "-x", "--json"))
    assert [row["text"] for row in found] == texts


def test_an_unforeseen_error_is_one_line_unless_asked(linear, monkeypatch, capsys):
    def broken(*_, **__):
        raise ZeroDivisionError("two\nlines")

    monkeypatch.setattr("emopress.runtime.bundle.load", broken)
    assert main(["predict", str(linear), "x"]) == 1
    assert capsys.readouterr().err == (
        "error: ZeroDivisionError: two lines (EMOPRESS_TRACEBACK=1 shows where)\n"
    )
    monkeypatch.setenv("EMOPRESS_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        main(["predict", str(linear), "x"])


def test_closed_streams(linear):
    shell = '"$0" -m emopress predict "$1" {}'
    for words, message in (("<&-", "standard input is closed"), ("hi >&-", "output is closed")):
        done = subprocess.run(
            ["sh", "-c", shell.format(words), sys.executable, str(linear)],
            env=ENVIRONMENT,
            capture_output=True,
            timeout=STUCK_S,
        )
        assert done.returncode == 1 and message in one_line(done)


SAID = ["i feel wonderful", "", "leave me alone"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with files of the same three texts, in which the command runs."""
    monkeypatch.chdir(tmp_path)
    for name in ("reviews.txt", "reviews", "other.txt"):
        (tmp_path / name).write_text("\n".join(SAID) + "\n")
    frame = pandas.DataFrame({"id": [1, 2, 3], "review": SAID})
    frame.to_csv("reviews.csv", index=False)
    frame.to_excel("reviews.xlsx", index=False)
    frame.to_parquet("reviews.parquet")
    frame.to_csv("semicolons.csv", index=False, sep=";")
    (tmp_path / "folder").mkdir()
    (tmp_path / "reviews.json").write_text("[]")
    (tmp_path / "binary.txt").write_bytes(b"PK\0\0\0\0")
    return tmp_path


COLUMN = ("--text-column", "review")


@pytest.mark.parametrize(
    "words",
    [
        ["reviews.txt"],
        ["./reviews.txt"],
        ["reviews"],
        ["--file", "reviews.txt"],
        ["--batch-size", "2", "--file", "reviews"],
        ["reviews.csv", *COLUMN],
        ["--file", "reviews.csv", *COLUMN],
        ["--file", "reviews.xlsx", *COLUMN],
        ["--file", "reviews.parquet", *COLUMN],
        ["--file", "semicolons.csv", "--delimiter", ";", *COLUMN],
    ],
    ids=" ".join,
)
def test_a_files_texts_are_read(linear, model, here, capfdbinary, words):
    assert main(["predict", str(linear), *words]) == 0
    out, err = capfdbinary.readouterr()
    found = [line.split("\t") for line in out.decode().split("\n")[:-1]]
    first, last = expected(model, [SAID[0], SAID[2]])
    assert found == [first, ["", ""], last]
    guessed = "--file" not in words
    assert err.decode().startswith(f"note: {words[0]} is a file; its texts are read") == guessed
    assert err.decode().count("\n") == guessed


@pytest.mark.parametrize(
    "text",
    [
        "hello.txt is my file",
        "i read reviews.txt and cried",
        "and/or",
        "Makefile",
        "so happy...",
        "x" * 5000,
        "reviews.txt\0",
    ],
)
def test_what_only_resembles_a_file_is_a_text(linear, model, here, capfdbinary, text):
    assert main(["predict", str(linear), text]) == 0
    out, err = capfdbinary.readouterr()
    assert [out.decode().rstrip("\n").split("\t")] == expected(model, [text]) and not err


def test_a_word_without_an_ending_among_texts_is_a_text(linear, model, here, capfdbinary):
    assert main(["predict", str(linear), "reviews", "folder"]) == 0
    assert len(capfdbinary.readouterr().out.splitlines()) == 2


def test_a_hyphen_is_standard_input(linear):
    lines = "\n".join(SAID).encode()
    assert run(linear, "-", stdin=lines).stdout == run(linear, stdin=lines).stdout
    assert run(linear, "--file", "-", stdin=lines).stdout == run(linear, stdin=lines).stdout


@pytest.mark.parametrize("what", PREDICT)
def test_a_mistake_is_one_line_with_what_to_do(linear, here, capsys, what):
    words, message = PREDICT[what]
    assert main(["predict", str(linear), *words]) == 1
    out, err = capsys.readouterr()
    assert err == f"error: {message}\n" and not out


ROWS = [["i feel wonderful", "1"], ["", ""], ["leave me alone", ""], ["", ""], ["", ""]]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "one.csv", "a.xlsx"])
def test_a_table_has_a_line_for_each_of_its_rows(linear, tmp_path, capfdbinary, name):
    """Empty ones too: of a sheet, those before the last that is not."""
    frame = pandas.DataFrame(ROWS, columns=["text", "id"])
    path, mark = tmp_path / name, "\t" if name == "a.tsv" else ","
    if name == "a.xlsx":
        frame.to_excel(path, index=False)
    else:
        frame = frame[["text"]] if name == "one.csv" else frame
        frame.to_csv(path, index=False, sep=mark)
    assert main(["predict", str(linear), "--file", str(path)]) == 0
    lines = [bool(line.strip()) for line in capfdbinary.readouterr().out.decode().split("\n")[:-1]]
    assert lines == [True, False, True] + [False] * (0 if name == "a.xlsx" else 2)
