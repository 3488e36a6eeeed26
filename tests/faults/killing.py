"""Kills a study again and again, at random points, and tells what was lost:  python killing.py TRIALS [SEED]"""

import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "workflow" / "scripts")]

from faultstudy import STUCK_S, FaultStudy, jobs, kill, members, slow_server  # noqa: E402

WHAT = ["job", "snakemake", "both"]
WHEN = ["any time", "download", "training", "write"]
SIGNS = {  # what is there on disk while that goes on
    "download": "data/few/.download/*.part",
    "training": "*/*/seed0/unfinished-training/state.json",
    "write": "**/.*-????????*",
}
POLL_S = 0.002


@dataclass
class Tally:
    """What was killed and when, how many runs ended with the right hashes, and what was wrong."""

    kills: Counter = field(default_factory=Counter)
    complete: int = 0
    together: int = 0  # snakemake was started while a job of the killed one still ran
    losses: list[str] = field(default_factory=list)

    @property
    def trials(self):
        return sum(self.kills.values())


def caught(study, process, when, rng):
    """Wait for a moment of the given kind; False if the run ended before one came."""
    delay = rng.expovariate(1 / 2.0) if when == "any time" else rng.uniform(0, 0.05)
    before = set(study.results.glob(SIGNS[when])) if when in SIGNS else set()
    while process.poll() is None:
        files = set(study.results.glob(SIGNS[when])) - before if when in SIGNS else set()
        if files or (when not in SIGNS and jobs(process.pid)):
            time.sleep(delay)
            return process.poll() is None
        time.sleep(POLL_S)
    return False


def strike(process, what, rng):
    """Kill what is to be killed; False if it was not there any more."""
    if what == "both":
        kill(members(process.pid))
        return True
    if what == "snakemake":
        kill([process.pid])
        return True
    running = jobs(process.pid)
    kill([rng.choice(running)] if running else [])
    return bool(running)


def settle(process, what, rng):
    """Let what was left running end, or, half of the times, leave it to run beside the next snakemake."""
    if what == "job":
        process.wait(STUCK_S)
    alone = what != "snakemake" or rng.random() < 0.5
    while alone and members(process.pid):
        time.sleep(0.05)
    return alone


def damage(study):
    """Return what `emopress verify` finds half-written.

    An output that is wholly missing is none: snakemake removes what it will make again, and may be
    killed before that.
    """
    from emopress.jobs.damage import verify
    from emopress.jobs.ledger import record_of

    if not study.results.is_dir():
        return []
    return [
        f"{path}: {why}"
        for path, why in verify(study.results).damaged
        if why != "missing" or not record_of(path, study.results).is_file()
    ]


def kill_again_and_again(study, expected, trials, seed, tell=print):
    """Run the study, killing it `trials` times, to its end as often as it gets there."""
    rng, tally, deck = random.Random(seed), Tally(), []
    while tally.trials < trials:
        deck = deck or rng.sample([(a, b) for a in WHAT for b in WHEN], len(WHAT) * len(WHEN))
        what, when = deck[-1]
        with study.running() as process:
            if caught(study, process, when, rng) and strike(process, what, rng):
                deck.pop()
                tally.kills[f"{what}, {when}"] += 1
                alone = settle(process, what, rng)
                if not alone and members(process.pid):
                    tally.together += 1
                    finish_beside(study, expected, tally)
                tally.losses += damage(study) if alone else []
                study.unlock()
                tell(f"{tally.trials} {what}, {when}", flush=True)
                continue
            status = process.wait(STUCK_S)
        deck.insert(0, deck.pop())  # that moment did not come: another one
        finished(study, expected, status, tally)
        tell(f"complete {tally.complete}, losses {tally.losses}", flush=True)
        shutil.rmtree(study.results)
    finish(study, expected, tally)
    return tally


def finished(study, expected, status, tally):
    """Count a run that came to its end, right or wrong."""
    if status:
        tally.losses.append(f"a rerun failed with {status}, see {study.folder / 'terminal.txt'}")
        return
    found = study.hashes()
    wrong = sorted({name for name, _ in set(found.items()) ^ set(expected.items())})
    tally.losses += [f"{name}: another file than in an undisturbed run" for name in wrong]
    tally.complete += 1


def finish(study, expected, tally):
    study.unlock()
    done = study.snakemake(check=False)
    finished(study, expected, done.returncode, tally)


def finish_beside(study, expected, tally):
    """Run to the end while an orphan of the killed snakemake still works in the same folder."""
    finish(study, expected, tally)
    shutil.rmtree(study.results)


def main():
    trials, seed = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, slow_server() as url:
        study = FaultStudy(Path(folder, "study"), url=url)
        study.snakemake()
        expected = study.hashes()
        print(f"undisturbed: {len(expected)} files, {time.monotonic() - start:.0f} s", flush=True)
        shutil.rmtree(study.results)
        tally = kill_again_and_again(study, expected, trials, seed)
    for name, count in sorted(tally.kills.items()):
        print(f"{count:4d} kills: {name}")
    print(
        f"{tally.trials} kills, seed {seed}; {tally.complete} runs to the end, {tally.together} beside an "
        f"orphan; losses: {len(tally.losses)}; {time.monotonic() - start:.0f} s"
    )
    print(*tally.losses, sep="\n")
    sys.exit(bool(tally.losses))


if __name__ == "__main__":
    main()
