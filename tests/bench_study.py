"""Prints how long the default study takes beside an older commit's, as a ratio, and the processor time of its rules.

    make bench-study                      this commit beside ddfa2c4, two rounds (10 minutes on 2 cores)
    make bench-study OLD=COMMIT CORES=4   beside another commit, with --cores 4

In each round both commits run their own default study from a fresh clone, `snakemake --cores CORES report`, in an order
that turns from round to round; each with its own requirements.lock: where the older commit has another one, it is
installed first (or give --old-python, the Python of an environment that has it). What is printed is the ratio of the
medians of their times, and of the processor time of all their processes, each with its repeatability: how far the
rounds of one commit lie apart. Only what is committed is measured. Run it on a machine that does nothing else.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
import venv
from collections import defaultdict
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from bench import line  # noqa: E402

OLD, TARGET, ROUNDS = "ddfa2c4", 0.60, 2
RULES = 12  # of which the processor time is printed


def clone(commit: str, folder: Path) -> Path:
    """Return a fresh clone of this repository at a commit."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    subprocess.run(["git", "-C", str(folder), "checkout", "--quiet", commit], check=True)
    return folder


def python_of(commit: str, folder: Path) -> str:
    """Return the Python of an environment with the packages of a commit, made in `folder` unless they are ours."""
    copy = clone(commit, folder / "emopress")
    lock = copy / "requirements.lock"
    if lock.read_bytes() == (ROOT / "requirements.lock").read_bytes():
        return sys.executable
    print(f"      installing the packages of {commit}, which are not those of HEAD", flush=True)
    venv.create(folder / "environment", with_pip=True)
    python = str(folder / "environment" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", str(lock)], check=True)
    return python


def study_s(cores: str, copy: Path, python: str) -> float:
    """Run the default study and return the seconds that it took; exit with its log if it fails.

    (`bench.snakemake` also samples the memory of its processes, which takes a tenth of a core.)
    """
    command = [python, "-m", "snakemake", "--cores", cores, "report"]
    beside = {**os.environ, "PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}"}
    start = time.perf_counter()
    done = subprocess.run(
        command, cwd=copy, env=beside, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    wall = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{done.stdout}\n{' '.join(command)} failed in {copy}")
    return wall


def processor_s() -> float:
    """Return the processor seconds of all processes that this one has waited for, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def of_rules(copy: Path) -> dict[str, float]:
    """Return the processor seconds of the jobs of each rule, as Snakemake's benchmarks have them."""
    seconds: dict[str, float] = defaultdict(float)
    folder = copy / "results" / "benchmarks"
    for path in folder.rglob("*.tsv"):
        heads, *rows = (row.split("\t") for row in path.read_text(encoding="utf-8").splitlines())
        rule = path.relative_to(folder).with_suffix("").parts[0]
        for row in rows:
            value = dict(zip(heads, row, strict=True))["cpu_time"]
            seconds[rule] += float(value) if value != "NA" else 0.0
    return seconds


def apart(values: list[float]) -> str:
    """Return how far the largest lies above the smallest."""
    return f"rounds {100 * (max(values) / min(values) - 1):.0f} % apart"


def main() -> None:
    """Read the arguments, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--old", default=OLD, help=f"the commit to compare with ({OLD})")
    parser.add_argument("--cores", default="2", help="what --cores of snakemake gets (2)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"({ROUNDS})")
    parser.add_argument(
        "--old-python", help="Python of an environment with the older one's packages"
    )
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        compare(chosen, chosen.old_python or python_of(chosen.old, Path(scratch)))


def compare(chosen: argparse.Namespace, old_python: str) -> None:
    """Run the rounds and print the ratios."""
    pythons = {"old": old_python, "new": sys.executable}
    commits = {"old": chosen.old, "new": "HEAD"}
    walls: dict[str, list[float]] = {which: [] for which in commits}
    processors: dict[str, list[float]] = {which: [] for which in commits}
    rules: dict[str, dict[str, float]] = {}
    for turn in range(chosen.rounds):
        for which in sorted(commits, reverse=bool(turn % 2)):
            with tempfile.TemporaryDirectory() as scratch:
                copy, before = clone(commits[which], Path(scratch) / "emopress"), processor_s()
                wall = study_s(chosen.cores, copy, pythons[which])
                walls[which].append(wall)
                processors[which].append(processor_s() - before)
                rules[which] = of_rules(copy)
            print(f"      round {turn + 1}, {commits[which]}: {wall:.0f} s", flush=True)
    for what, values, bar in (("wall", walls, TARGET), ("processor", processors, None)):
        ratio = median(values["new"]) / median(values["old"])
        found = f"default study, --cores {chosen.cores}: {what} time over {chosen.old}'s"
        if bar:
            line(found, f"{ratio:.2f}", f"{bar:.2f}", ratio <= bar)
        else:
            print(f"      {found:<62} {ratio:>16.2f}")
        for which in commits:
            seconds = ", ".join(f"{value:.0f}" for value in values[which])
            print(f"      {commits[which]}: {seconds} s, {apart(values[which])}")
    if not rules["old"]:
        print(f"      {chosen.old} keeps no times of its jobs; those of HEAD, processor seconds:")
    else:
        print(f"      processor seconds of a rule's jobs, last round: HEAD, {chosen.old}")
    for rule in sorted(rules["new"], key=lambda rule: -rules["new"][rule])[:RULES]:
        before = f"{rules['old'].get(rule, 0.0):8.1f}" if rules["old"] else ""
        print(f"      {rule:<24} {rules['new'][rule]:8.1f} {before}")


if __name__ == "__main__":
    main()
