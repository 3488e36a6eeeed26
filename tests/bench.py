"""Prints the project's own figures, one line each: times of the demo study, and ratios of the real one.

    make bench                 the demo study, in a fresh copy of the committed tree, and the shapes of BERT-base and
                               MiniLM (12 minutes)
    make bench MIRROR=DIR      also config/real-cpu.yaml (three hours the first time; later resumed, not repeated), then
                               times its English bundles anew and prints the int8 ratios

No test has a bar of time: what a busy machine or another processor changes is measured here.

Run it on a machine that does nothing else.
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import yaml

ROOT = Path(__file__).parents[1]
REAL = "config/real-cpu.yaml"
TEACHER = "minilm-l6"


class Peak(threading.Thread):
    """Samples the memory of a process and all its children, in bytes, until it ends."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.process, self.bytes = psutil.Process(pid), 0

    def run(self) -> None:
        """Sample five times a second; shared pages are counted once (PSS)."""
        while self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE:
            total = 0
            for process in [self.process, *_children(self.process)]:
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:  # it ended between the listing and the reading
                    continue
            self.bytes = max(self.bytes, total)
            time.sleep(0.2)


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def snakemake(*arguments: str, cwd: Path) -> tuple[float, float, str]:
    """Run snakemake and return (wall seconds, peak GB, its output); exit with its log if it fails."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "snakemake", *arguments],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    peak = Peak(process.pid)
    peak.start()
    output, _ = process.communicate()
    wall = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{output}\nsnakemake {' '.join(arguments)} failed in {cwd}")
    return wall, peak.bytes / 1e9, output


def jobs(output: str) -> dict[str, int]:
    """Return the job counts of a dry run's output, without the total."""
    counts = {}
    for line in output.partition("Job stats:")[2].split("Reasons:")[0].splitlines():
        words = line.split()
        if len(words) == 2 and words[1].isdigit() and words[0] != "total":
            counts[words[0]] = int(words[1])
    return counts


def line(what: str, found: str, bar: str, good: bool) -> None:
    """Print one figure beside its bar."""
    print(f"{'ok  ' if good else 'MISS'}  {what:<62} {found:>16}   (bar: {bar})", flush=True)


def demo(copy: Path) -> None:
    """Time the demo study in a fresh copy."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(copy)], check=True)
    wall, peak, _ = snakemake("--cores", "4", "report", cwd=copy)
    line("demo study from a clean clone", f"{wall:.0f} s", "300 s", wall < 300)
    line("its peak memory, all processes", f"{peak:.2f} GB", "3 GB", peak < 3)
    wall, _, output = snakemake("--cores", "4", "report", cwd=copy)
    idle = "Nothing to be done" in output
    line("second run, nothing to do", f"{wall:.1f} s", "5 s", idle and wall < 5)
    config = yaml.safe_load((copy / "config/config.yaml").read_text(encoding="utf-8"))
    config["passes"]["int8-static"]["calibration"]["texts"] += 1
    (copy / "changed.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    _, _, output = snakemake("-n", "--configfile", "changed.yaml", "--", "report", cwd=copy)
    counts = jobs(output)
    again = {rule: counts.get(rule, 0) for rule in ("quantize", "predict", "search")}
    static = sum(v.endswith("int8-static") for b in config["study"] for v in b["variants"])
    trials = 1  # tiny+trim+int8-static, which the search tries
    good = again == {"quantize": static + trials, "predict": static + trials + 1, "search": 1}
    good &= not {"finetune", "distill", "prune_magnitude", "train_linear", "export", "qat"} & set(
        counts
    )
    line(
        "one pass's parameter changed: quantize + predict reruns",
        f"{again['quantize']} + {again['predict']} jobs",
        f"{static + trials} + {static + trials + 1}",
        good,
    )
    parts(copy / "results" / "demo-en" / "linear" / "seed0" / "bundle")
    wall, _, output = snakemake("-n", "--configfile", "config/study.yaml", "--", "report", cwd=copy)
    line(
        f"dry run of the full study, {sum(jobs(output).values())} jobs",
        f"{wall:.1f} s",
        "10 s",
        wall < 10,
    )


def parts(linear: Path) -> None:
    """Time a linear bundle on the demo corpus, and the resampling of one row of a large study."""
    sys.path.insert(0, str(ROOT / "workflow" / "scripts"))
    from emopress.measure.intervals import resampled
    from emopress.runtime.bundle import load

    with open(ROOT / "data" / "demo" / "demo-en.csv", encoding="utf-8") as stream:
        texts = [row["text"] for row in csv.DictReader(stream)][:200]
    classifier, spent = load(linear), []
    for text in texts:
        start = time.perf_counter()
        classifier.predict_proba([text])
        spent.append((time.perf_counter() - start) * 1e3)
    ms = statistics.median(spent)
    line("linear bundle, one text", f"{ms:.2f} ms", "1.0 ms", ms < 1)
    rng = np.random.default_rng(0)
    for classes in (6, 28):
        truth = rng.integers(classes, size=4000)
        predicted = rng.integers(classes, size=(4, 1, 4000))
        start = time.perf_counter()
        resampled(truth, predicted, classes=classes, resamples=10_000)
        wall = time.perf_counter() - start
        what = f"10,000 resamples of 4,000 texts, {classes} labels, 4 variants"
        line(what, f"{wall:.1f} s", "6 s", wall < 6)


def real(mirrors: str) -> None:
    """Finish the real study, time its English bundles anew, and print what int8 cost and gave."""
    options = ["--configfile", REAL, "--config", f"mirror={mirrors}", "--"]
    fresh = not (ROOT / "results" / "emotion").exists()
    wall, _, output = snakemake("--cores", "4", *options, "report", cwd=ROOT)
    if fresh:
        line("real study from scratch", f"{wall / 60:.1f} min", "180 min", wall < 3 * 3600)
    elif "Nothing to be done" not in output:
        print(f"      the rest of an earlier real study took {wall / 60:.1f} min: no verdict")
    snakemake("--cores", "4", "--forcerun", "time", *options, "report", cwd=ROOT)
    with open(ROOT / "results/summary.csv", encoding="utf-8") as stream:
        rows = {
            row["variant"]: row for row in csv.DictReader(stream) if row["dataset"] == "emotion"
        }
    timing = json.loads((ROOT / "results/timing/emotion.json").read_text(encoding="utf-8"))
    facts = timing["environment"]
    print(f"      {facts['cpu']}, {' '.join(facts['cpu_flags'])}, {facts['threads'][0]} thread(s)")
    teacher = rows[TEACHER]
    for name in ("int8-dynamic", "int8-static"):
        row = rows[f"{TEACHER}+{name}"]
        points = 100 * (float(teacher["accuracy"]) - float(row["accuracy"]))
        size = 100 * float(row["size_bytes"]) / float(teacher["size_bytes"])
        engine, eager = float(row["speedup"]), float(row["speedup_over_pytorch"])
        line(f"{name}: accuracy below the fp32 teacher", f"{points:.2f} points", "1.0", points <= 1)
        line(f"{name}: size of fp32's", f"{size:.1f} %", "27 %", size <= 27)
        line(f"{name}: faster than ONNX Runtime fp32", f"{engine:.2f}x", "1.5x", engine >= 1.5)
        line(f"{name}: faster than PyTorch eager fp32", f"{eager:.2f}x", "3x", eager >= 3)
    size = 100 * float(rows[f"{TEACHER}+int4"]["size_bytes"]) / float(teacher["size_bytes"])
    line("int4: size of fp32's", f"{size:.1f} %", "17 %", size <= 17)
    points = 100 * (float(teacher["accuracy"]) - float(rows[f"{TEACHER}+trim+kd3"]["accuracy"]))
    line("kd3: accuracy below its teacher", f"{points:.2f} points", "1.0", points <= 1)
    for name in ("untrained+lora", "untrained+qlora"):
        accuracy = float(rows[name]["accuracy"])
        line(f"{name}: accuracy", f"{accuracy:.4f}", "0.90", accuracy >= 0.9)
    gains = [float(rows[f"{TEACHER}+{n}"]["latency_ms_p50"]) for n in ("int8-dynamic", "ov-int8")]
    gain = gains[0] / gains[1]
    line("OpenVINO int8 over ONNX Runtime int8", f"{gain:.2f}x", "1.1x", gain >= 1.1)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", help="folder of the real data and checkpoints, or [DIR1,DIR2]")
    parser.add_argument("--skip-demo", action="store_true", help="only the real study")
    chosen = parser.parse_args()
    if not chosen.skip_demo:
        with tempfile.TemporaryDirectory() as scratch:
            demo(Path(scratch) / "emopress")
    if chosen.mirror:
        real(chosen.mirror)
    shapes = [sys.executable, str(ROOT / "tests/bench_shapes.py")]
    data = ROOT / "results/data/ubmec"
    subprocess.run([*shapes, *(["--data", str(data)] if data.exists() else [])], check=True)
    folders = (chosen.mirror or "").strip("[]").split(",")
    held = [folder for folder in folders if folder and Path(folder, "emotion").is_dir()]
    int8 = [sys.executable, str(ROOT / "tests/bench_int8.py")]
    subprocess.run([*int8, *(["--mirror", held[0]] if held else [])], check=True)
