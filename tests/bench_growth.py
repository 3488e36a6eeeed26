"""Prints how the CPU time and the memory of a study's jobs grow with its texts and its variants, one line a figure.

    make bench-growth      also writes the table and the figure of docs/scale.md; 10 minutes, no network

The study is real at its smallest: a linear model on the demo corpus, its quantizations, and 1,200 texts. It is made
larger by repeating its files: the texts, with other ids; the bundles, with other names, and predictions of which one
in twenty is another. Then each job runs in a process of its own, on one thread, as Snakemake would run it, on what it
plans for a config of that size.

An exponent is the slope of log cost against log size between the two largest sizes; 1 is in proportion.
"""

import argparse
import io
import json
import math
import os
import pickle
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import redirect_stderr
from pathlib import Path
from types import SimpleNamespace
from typing import Any

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "workflow" / "scripts"
sys.path[:0] = [str(SCRIPTS), str(ROOT / "tests")]

DATASET, SEED = "demo-en", 0
FEW = 10  # variants of the smallest study
SIZES = (1, 10, 100)
JOBS = ("predict", "judge", "aggregate", "figures", "render")
OF_A_BUNDLE = ("predict",)  # one job for each: it does not see how many there are
RESAMPLES = 1000
TIMES = 3  # runs of each job, of which the fastest counts
LONG_S = 5  # of CPU; a job that takes as long runs once
SPLITS = ("train", "validation", "test")
MARKS = "<!-- growth: make bench-growth -->", "<!-- end of growth -->"
CHANGED = 0.05  # of a variant's predictions, those that differ from the next variant's


def config_of(variants: int) -> dict[str, Any]:
    """Return a study with this many variants: a linear model, and quantizations of it."""
    names = [f"int8-{number:04}" for number in range(variants - 1)]
    quantization = {"kind": "quantize", "method": "weight-only"}
    return {
        "name": "growth",
        "seeds": [SEED],
        "study": [{"dataset": DATASET, "variants": ["linear", *(f"linear+{n}" for n in names)]}],
        "models": {"linear": {"family": "linear"}},
        "passes": {name: dict(quantization) for name in names},
        "statistics": {"resamples": RESAMPLES},
        "timing": {"rounds": 2, "texts": 5, "cold_starts": 1},
    }


def planned(config: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Return by rule what Snakemake hands the script of a job: of `predict` that of the model itself."""
    import yaml
    from snakemake.api import SnakemakeApi
    from snakemake.settings import types

    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    output = types.OutputSettings(quiet={types.Quietness.ALL}, dryrun=True)
    with redirect_stderr(io.StringIO()), SnakemakeApi(output) as api:
        workflow = api.workflow(
            resource_settings=types.ResourceSettings(cores=1),
            config_settings=types.ConfigSettings(configfiles=[path]),
            snakefile=ROOT / "Snakefile",
            workdir=folder,
        )
        dag = workflow.dag(types.DAGSettings())
        dag.execute_workflow(executor="dryrun")
        jobs = {}
        for job in workflow._workflow.dag.jobs:
            if job.rule.name in JOBS and job.wildcards_dict.get("variant", "linear") == "linear":
                jobs[job.rule.name] = SimpleNamespace(
                    input=job.input._plainstrings(),
                    output=job.output._plainstrings(),
                    params=job.params,
                    wildcards=job.wildcards,
                    log=job.log._plainstrings(),
                    threads=1,
                    resources={},
                    rule=job.rule.name,
                    script=Path(job.rule.script).name,
                )
    return jobs


def run_job(path: Path) -> None:
    """Run the job in a file of `planned` and print its CPU seconds and peak memory in MB, imports included."""
    snakemake = pickle.loads(path.read_bytes())  # written by this program a moment ago
    name = snakemake.script.removesuffix(".py")
    sys.path.insert(0, str(SCRIPTS))
    module = __import__(name)
    module.main(snakemake)
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = used.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)
    print(json.dumps([used.ru_utime + used.ru_stime, peak]), file=sys.__stdout__)


def measured(job: Any, folder: Path) -> tuple[float, float, float]:
    """Return the least CPU seconds, wall seconds and MB of some runs of a job, each in a process of its own."""
    path = folder / "job.pickle"
    path.write_bytes(pickle.dumps(job))
    runs = []
    for _ in range(TIMES):
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, str(Path(__file__).resolve()), "--job", str(path)],
            cwd=folder,
            capture_output=True,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        if done.returncode:
            sys.exit(f"{job.rule}: {done.stderr}")
        wall = time.perf_counter() - start
        seconds, peak = json.loads(done.stdout.splitlines()[-1])
        runs.append((seconds, wall, peak))
        if seconds > LONG_S:
            break
    return tuple(map(min, zip(*runs, strict=True)))  # type: ignore[return-value]


def small_study(folder: Path) -> Path:
    """Run the study of two variants up to what its jobs here read; return its results."""
    import yaml

    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config_of(2), sort_keys=False), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "2",
         "--quiet", "all", "--directory", str(folder), "--configfile", str(path), "--", "report"],
        capture_output=True,
        text=True,
    )  # fmt: skip
    if done.returncode:
        sys.exit(done.stderr)
    return folder / "results"


def repeated(table: Any, times: int) -> Any:
    """Return a table of texts `times` times over, each time with other ids."""
    import pandas

    copies = [table.assign(id=[f"{one}-{turn}" for one in table["id"]]) for turn in range(times)]
    return table if times == 1 else pandas.concat(copies, ignore_index=True)


def grow(small: Path, folder: Path, texts: int, variants: list[str]) -> None:
    """Write into `folder` the results of a study with `texts` times the texts, all but predictions."""
    import pandas

    results = folder / "results"
    shutil.copytree(small / "data", results / "data")
    for split in (*SPLITS, "noise"):
        path = results / "data" / DATASET / f"{split}.parquet"
        table = pandas.read_parquet(path)
        if split == "noise":  # the shares one after the other
            shares = [repeated(rows, texts) for _, rows in table.groupby("noise", sort=False)]
            pandas.concat(shares, ignore_index=True).to_parquet(path, index=False)
        else:
            repeated(table, texts).to_parquet(path, index=False)
    shutil.copy(small / "rulegraph.mmd", results)
    timing = json.loads((small / "timing" / f"{DATASET}.json").read_text("utf-8"))
    for what in ("rows", "processes"):
        timing[what] = [
            {**row, "variant": name, **faster(row, place)}
            for place, name in enumerate(variants)
            for row in timing[what]
            if row["variant"] == source(name)
        ]
    (results / "timing").mkdir()
    (results / "timing" / f"{DATASET}.json").write_text(json.dumps(timing), "utf-8")
    for name in variants:
        made = small / DATASET / source(name) / f"seed{SEED}"
        own = results / DATASET / name / f"seed{SEED}"
        shutil.copytree(made / "bundle", own / "bundle")
        shutil.copy(made / "cut.json", own)
        for benchmark in (small / "benchmarks" / "predict" / DATASET).glob("linear.seed*.tsv"):
            place = results / "benchmarks" / "predict" / DATASET / f"{name}.seed{SEED}.tsv"
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(benchmark, place)


def source(variant: str) -> str:
    """Return the variant of the small study that a variant is a copy of."""
    return "linear" if variant == "linear" else "linear+int8-0000"


def faster(row: dict[str, Any], place: int) -> dict[str, float]:
    """Return the latencies of a copied row of a timing file, each a little different."""
    times = {key: value for key, value in row.items() if key.startswith("latency")}
    return {key: value * (1 + place / 997) for key, value in times.items()}


def write_predictions(folder: Path, variants: list[str]) -> None:
    """Write the predictions of all variants but the first: the one's before, some of them changed."""
    import numpy as np
    import pandas

    def path(name: str) -> Path:
        return folder / "results" / DATASET / name / f"seed{SEED}" / "predictions.parquet"

    table = pandas.read_parquet(path(variants[0]))
    labels = [name for name in table.columns if name not in ("id", "split", "noise", "label")]
    first = table[labels].to_numpy()
    for place, name in enumerate(variants[1:]):
        rng = np.random.default_rng(place)
        rows = np.flatnonzero(rng.random(len(table)) < CHANGED)
        values = first.copy()
        values[rows] = np.roll(values[rows], 1, axis=1)
        table[labels] = values
        table.to_parquet(path(name), index=False)


def prepared(small: Path, folder: Path, texts: int, variants: int) -> dict[str, Any]:
    """Write the results of a study that the jobs here do not make, and return these."""
    folder.mkdir()
    config = config_of(variants)
    names = config["study"][0]["variants"]
    grow(small, folder, texts, names)
    return planned(config, folder)


def measure(small: Path, folder: Path, texts: int, variants: int) -> dict[str, Any]:
    """Return by job CPU seconds, wall seconds and MB for one size, in the order of JOBS."""
    jobs = prepared(small, folder, texts, variants)
    names = config_of(variants)["study"][0]["variants"]
    found = {}
    for name in JOBS:
        for made in jobs[name].output + jobs[name].log:
            (folder / made).parent.mkdir(parents=True, exist_ok=True)
        found[name] = measured(jobs[name], folder)
        if name == "predict":
            write_predictions(folder, names)
    return found


def exponent(costs: list[float]) -> float:
    """Return the slope of log cost against log size between the two largest of SIZES."""
    return math.log10(costs[-1] / costs[-2]) / math.log10(SIZES[-1] / SIZES[-2])


def figures(small: Path, scratch: Path) -> Iterator[dict[str, Any]]:
    """Yield one figure for each job and each thing that grows, printing it."""
    base = measure(small, scratch / "1", 1, FEW)
    for what in ("texts", "variants"):
        grown = [base]
        for size in SIZES[1:]:
            texts, variants = (size, FEW) if what == "texts" else (1, FEW * size)
            folder = scratch / f"{what}-{size}"
            grown.append(measure(small, folder, texts, variants))
            shutil.rmtree(folder)
        for job in JOBS:
            if what == "variants" and job in OF_A_BUNDLE:
                continue
            cpu, wall, peak = ([one[job][i] for one in grown] for i in range(3))
            figure = {"what": what, "job": job, "cpu_s": cpu, "wall_s": wall, "peak_mb": peak}
            print(
                f"{job:<10} {what:<9} CPU s {' '.join(f'{s:8.2f}' for s in cpu)}  exponent {exponent(cpu):5.2f}"
                f"   wall s {' '.join(f'{s:8.2f}' for s in wall)}"
                f"   peak MB {' '.join(f'{s:6.0f}' for s in peak)}  exponent {exponent(peak):5.2f}",
                flush=True,
            )
            yield figure


def write_docs(found: list[dict[str, Any]]) -> None:
    """Write the figures into docs/scale.md, between two comments, and draw them as docs/growth.svg."""
    from emopress.report.figures.draw import drawing_of

    page = ROOT / "docs" / "scale.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    lines = [
        "| job | grows with | CPU s at 1, 10, 100 times | exponent | peak MB at 1, 10, 100 times | exponent |",
        "| :--- | :--- | ---: | ---: | ---: | ---: |",
    ]
    for one in found:
        seconds = ", ".join(f"{s:.1f}" for s in one["cpu_s"])
        peaks = ", ".join(f"{mb:.0f}" for mb in one["peak_mb"])
        lines.append(
            f"| {one['job']} | {one['what']} | {seconds} | {exponent(one['cpu_s']):.2f} | {peaks} | "
            f"{exponent(one['peak_mb']):.2f} |"
        )
    table = "\n".join(lines)
    page.write_text(f"{before}{MARKS[0]}\n{table}\n{MARKS[1]}{after}", encoding="utf-8")
    svg = drawing_of(growth_figure(found), "docs/growth.svg")
    (ROOT / "docs" / "growth.svg").write_text(svg, encoding="utf-8")


def growth_figure(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return CPU time against the size, on log axes, what grows with texts beside what grows with variants."""
    from emopress.report.figures.curves import lines
    from emopress.report.figures.looks import line_look
    from emopress.report.figures.parts import NUMBER, WIDTH, axis, given, key, page, panels, rows

    looks = {job: line_look(place) for place, job in enumerate(JOBS)}
    times = [s for one in found for s in one["cpu_s"]]
    views = []
    for what in ("texts", "variants"):
        log: dict[str, Any] = {"scale": {"type": "log"}, "labelExpr": NUMBER}
        x = axis("x", f"Times the {what}", 0.9, 1.1 * SIZES[-1], values=list(SIZES), **log)
        y = axis("y", "CPU seconds", 0.7 * min(times), 1.4 * max(times), **log)
        points = [
            {"x": size, "y": cost, "variant": one["job"], **looks[one["job"]]}
            for one in found
            if one["what"] == what
            for size, cost in zip(SIZES, one["cpu_s"], strict=True)
        ]
        view = lines(x, y)
        view["layer"][1]["encoding"]["shape"] = given("path")
        views.append({**view, "width": (WIDTH - 70) / 2, "height": 280, **rows(points)})
    entries = [{"words": job, **looks[job], "area": 36} for job in JOBS]
    note = "Of one job, its process's start included. In proportion: ten times the cost at ten times the size."
    return page("Growth", "jobs of a study", note, panels(views, 2, 30), key(entries))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--job", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--docs", action="store_true", help="write them into docs/scale.md too")
    arguments = parser.parse_args()
    if arguments.job:
        run_job(arguments.job)
        return
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        (scratch / "small").mkdir()
        small = small_study(scratch / "small")
        found = list(figures(small, scratch))
    if arguments.docs:
        write_docs(found)


if __name__ == "__main__":
    main()
