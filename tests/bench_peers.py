"""Prints our int8 beside that of optimum-onnx, Olive, and NNCF with OpenVINO, of the same checkpoint, in one run.

    make bench-peers                                     shapes with random weights, texts of the English demo corpus
    make bench-peers MIRROR=DIR                          the same on texts of emotion, from DIR/emotion
    make bench-peers MIRROR=DIR CHECKPOINT=FOLDER        a trained checkpoint of emotion in the place of MiniLM's shape

The peers make their files with their documented settings in an environment of their own (tests/peers/requirements.txt;
optimum-onnx forces transformers 4). All files are then timed here: one thread, one text at a time, test texts at their
own lengths, from the text to its logits; a peer's with plain onnxruntime or openvino. Static ranges are of the same 128
training texts. A ratio is the median over rounds, each of which has every session predict every text, in an order of
its own; behind it the quartiles. Errors are the root mean square of a file's logits minus those of our fp32 file, over
the standard deviation of the latter. `all files` of a peer are its model, config.json and tokenizer.json.

The files and their logits are kept in --work (delete it after a change of code); with --rounds 0 that is all that is
done, so that a second call only takes the time (a minute per model, which wants a machine that does nothing else).
Random weights say nothing about accuracy, and their errors little.
"""

import argparse
import importlib.metadata
import json
import subprocess
import sys
import venv
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pandas
import torch
from tokenizers import Tokenizer

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "workflow" / "scripts"), str(ROOT / "tests")]

import bench_int8  # noqa: E402
from bench import line  # noqa: E402
from bench_int8 import Predict, latencies, prepared, published_words, runtime  # noqa: E402
from bench_shapes import BERT_BASE, MINILM, checkpoint, step  # noqa: E402
from emopress.artifact import sha256_of  # noqa: E402
from emopress.bundle.export import export_transformer  # noqa: E402
from emopress.bundle.openvino import openvino  # noqa: E402
from emopress.bundle.quantize import quantize  # noqa: E402
from emopress.entries.step import typed_step  # noqa: E402
from emopress.measure.machine import cpu_facts  # noqa: E402
from emopress.measure.timing import chosen_texts  # noqa: E402
from emopress.runtime.openvino import import_openvino  # noqa: E402
from emopress.train.sample import calibration_sample  # noqa: E402

PEERS = ROOT / "tests" / "peers"
CALIBRATION = 128  # texts
JUDGED = (
    200  # test texts whose logits are compared where weights are random; of a trained model, all
)
MAX_LENGTH = 128  # tokens
INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
RIVALS = {
    "dynamic": ["optimum dynamic", "Olive dynamic"],
    "static": ["optimum static", "Olive static"],
    "openvino": ["NNCF, f32", "NNCF, default"],
}
INT8 = {
    "dynamic": {"kind": "quantize", "method": "dynamic"},
    "static": {"kind": "quantize", "method": "static", "calibration": {"texts": CALIBRATION}},
    "openvino": {"kind": "openvino", "precision": "int8", "calibration": {"texts": CALIBRATION}},
}


def environment(folder: Path) -> Path:
    """Return the Python of the peers' environment in `folder`, which is made at the first call."""
    wanted = PEERS / "requirements.txt"
    python, seal = folder / "bin" / "python", folder / "installed.txt"
    if not seal.is_file() or seal.read_text("utf-8") != wanted.read_text("utf-8"):
        venv.create(folder, clear=True, with_pip=True)
        pip = [python, "-m", "pip", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", "--quiet", "-r", wanted], check=True)
        seal.write_text(wanted.read_text("utf-8"), "utf-8")
    return python


def peers(python: Path, checkpoint: Path, texts: list[str], out: Path) -> None:
    """Have each peer write its files to a folder of `out`; say loudly whose maker failed."""
    calibration = out / "calibration.json"
    calibration.write_text(json.dumps(texts), "utf-8")
    for name, source in (
        ("optimum", checkpoint),
        ("nncf", checkpoint),
        ("olive", out / "optimum" / "fp32"),
    ):
        if (out / name).is_dir() or not source.is_dir():
            continue
        maker = [python, PEERS / f"{name}_files.py", source, calibration, out / f"{name}-new"]
        done = subprocess.run(maker, capture_output=True, text=True)
        (out / f"{name}.log").write_text(done.stdout + done.stderr, "utf-8")
        if done.returncode:
            print(f"      {name} MADE NOTHING and is left out: {out / name}.log", flush=True)
        else:
            (out / f"{name}-new").rename(out / name)


def ours(checkpoint: Path, train: Path, out: Path) -> None:
    """Write our bundles of a checkpoint to `out`, with the default settings of each pass."""
    if not (out / "fp32").is_dir():
        export_transformer(checkpoint, out / "fp32")
    for name, entry in INT8.items():
        make = openvino if name == "openvino" else quantize
        if not (out / name).is_dir():
            made: dict[str, Any] = {"parent": out / "fp32", "seed": 0, "train": train}
            make(step=typed_step(step(name, **entry)), out=out / name, **made)


def feed_of(folder: Path, names: set[str]) -> Callable[[str], dict[str, np.ndarray]]:
    """Return what turns a text into the inputs `names` of a peer's graph, with its tokenizer.json in `folder`."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_LENGTH)

    def feed(text: str) -> dict[str, np.ndarray]:
        tokens = tokenizer.encode(" ".join(text.split()))
        found = {"input_ids": tokens.ids, "attention_mask": tokens.attention_mask}
        found["token_type_ids"] = tokens.type_ids
        return {name: np.array([found[name]]) for name in names}

    return feed


def in_onnxruntime(model: Path, tokenizer: Path) -> Predict:
    """Return the prediction of plain onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    feed = feed_of(tokenizer, {each.name for each in session.get_inputs()})
    return lambda text: np.asarray(session.run(None, feed(text))[0])[0]


def in_openvino(model: Path, tokenizer: Path, precision: str | None = None) -> Predict:
    """Return the prediction of plain openvino; precision None: what it chooses (bf16 where it can)."""
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": 1}
    settings |= {"INFERENCE_PRECISION_HINT": precision} if precision else {}
    compiled = import_openvino().Core().compile_model(model, "CPU", settings)
    request = compiled.create_infer_request()
    feed = feed_of(tokenizer, {name for each in compiled.inputs for name in each.names & INPUTS})
    return lambda text: np.array(request.infer(feed(text))[0][0])


def sessions(work: Path) -> dict[str, tuple[list[Path], Callable[[], Predict]]]:
    """Return by name the files of each row and what opens it; rows whose file was not made are left out."""
    found: dict[str, tuple[list[Path], Callable[[], Predict]]] = {}
    for name in ("fp32", *INT8):
        files = [each for each in (work / name).iterdir() if each.name != "provenance.json"]
        found[name] = files, partial(runtime, work / name)
    with_tokenizer = work / "optimum" / "dynamic"
    for peer, of in (("optimum", "optimum"), ("Olive", "olive")):
        for kind in ("dynamic", "static"):
            for model in (work / of / kind).glob("*.onnx"):
                found[f"{peer} {kind}"] = [model], partial(in_onnxruntime, model, with_tokenizer)
    model = work / "nncf" / "int8" / "model.xml"
    for name, precision in (("f32", "f32"), ("default", None)):
        if model.is_file():
            files = [model, model.with_suffix(".bin")]
            found[f"NNCF, {name}"] = files, partial(in_openvino, model, model.parent, precision)
    for name in found.keys() - {"fp32", *INT8}:
        found[name][0].extend(with_tokenizer / each for each in ("config.json", "tokenizer.json"))
    return found


def all_logits(opened: dict[str, Predict], texts: list[str], kept: Path) -> dict[str, np.ndarray]:
    """Return the logits [N, C] of each session on all test texts, each kept in a file of the folder `kept`."""
    kept.mkdir(exist_ok=True)
    for name, predict in opened.items():
        if not (kept / f"{name}.npy").is_file():
            np.save(kept / f"{name}.npy", np.stack([predict(text) for text in texts]))
    return {name: np.load(kept / f"{name}.npy") for name in opened}


def report(name: str, work: Path, test: Path, *, rounds: int, texts: int, trained: bool) -> None:
    """Print a row for each file of a model, then its bars."""
    rows = sessions(work)
    opened = {each: make() for each, (_, make) in rows.items()}
    frame = pandas.read_parquet(test)[: None if trained else JUDGED]
    logits = all_logits(opened, frame["text"].tolist(), work / "logits")
    if not rounds:
        return
    bench_int8.ROUNDS = rounds
    ms = latencies(opened, chosen_texts(test, texts))
    sizes = {each: sum(file.stat().st_size for file in files) for each, (files, _) in rows.items()}
    spread = logits["fp32"].std()
    error = {
        each: float(np.sqrt(np.mean((found - logits["fp32"]) ** 2)) / spread)
        for each, found in logits.items()
    }

    def ratio(one: str, other: str) -> tuple[float, str]:
        quarters = np.percentile(np.divide(ms[one], ms[other]), [25, 50, 75])
        return float(quarters[1]), "{1:.2f} ({0:.2f}-{2:.2f})".format(*quarters)

    print(f"\n      {name}: {len(frame)} test texts, {texts} of them timed in {rounds} rounds")
    head = f"{'':16} {'ms':>7} {'of fp32':>18} {'of ours':>18} {'all files, MB':>14} {'error':>7}"
    print(f"      {head}" + ("  accuracy" if trained else ""))
    rival_of = {rival: mine for mine, rivals in RIVALS.items() for rival in rivals}
    for each in rows:
        mine = ratio(each, rival_of[each])[1] if each in rival_of else ""
        cells = f"{each:16} {np.median(ms[each]):7.2f} {ratio(each, 'fp32')[1]:>18} {mine:>18}"
        cells += f" {sizes[each] / 1e6:14.2f} {error[each]:7.4f}"
        if trained:
            cells += f"  {np.mean(logits[each].argmax(1) == frame['label']):.2%}"
        print(f"      {cells}")
    for mine, rivals in RIVALS.items():
        for rival in (each for each in rivals if each in rows):
            times, told = ratio(mine, rival)
            line(f"{name}: {mine} over {rival}, latency", told, "1.05", times <= 1.05)
            share = sizes[mine] / sizes[rival]
            line(f"{name}: {mine} over {rival}, all files", f"{share:.3f}", "1", share <= 1)
            found = f"{error[mine]:.4f} / {error[rival]:.4f}"
            line(f"{name}: {mine} and {rival}, error", found, "1", error[mine] <= error[rival])


def main() -> None:
    """Make what is not in the work folder yet, and time it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", type=Path, help="folder with emotion/train.txt and the others")
    parser.add_argument("--checkpoint", type=Path, help="a checkpoint of emotion in MiniLM's place")
    parser.add_argument("--work", type=Path, default=ROOT / "results" / "bench-peers")
    parser.add_argument("--only", choices=["minilm", "bert-base"], help="one of the two models")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--texts", type=int, default=40)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    cpu, flags = cpu_facts()
    print(f"      {cpu}, {' '.join(flags)}")
    versions = {each: importlib.metadata.version(each) for each in ("onnxruntime", "openvino")}
    print("      timed in", ", ".join(f"{each} {version}" for each, version in versions.items()))
    work: Path = chosen.work
    corpus = "emotion" if chosen.mirror else "demo-en"
    raw = chosen.mirror / "emotion" if chosen.mirror else ROOT / "data" / "demo"
    data = work / corpus
    if not data.is_dir():
        prepared(corpus, raw, data)
    train = data / "train.parquet"
    frame = pandas.read_parquet(train)
    rows = calibration_sample(frame["label"].tolist(), CALIBRATION, seed=0, balanced=False)
    for name, init in (("minilm", MINILM), ("bert-base", BERT_BASE)):
        if chosen.only not in (None, name):
            continue
        trained = name == "minilm" and chosen.checkpoint is not None
        weights = sha256_of(chosen.checkpoint / "model.safetensors")[:8] if trained else "random"
        folder = work / f"{name}-{corpus}-{weights}"
        source = chosen.checkpoint if trained else folder / "checkpoint"
        if not trained:
            print(f"      {name}: random weights, whose accuracy says nothing")
            if not source.is_dir():
                checkpoint(source, init, published_words(frame["text"].tolist()))
        folder.mkdir(parents=True, exist_ok=True)
        ours(source, train, folder)
        peers(environment(work / "environment"), source, frame["text"][rows].tolist(), folder)
        report(
            name,
            folder,
            data / "test.parquet",
            rounds=chosen.rounds,
            texts=chosen.texts,
            trained=trained,
        )


if __name__ == "__main__":
    main()
