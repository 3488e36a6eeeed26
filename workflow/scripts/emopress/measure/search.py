"""The pass `search`: measures what others have made of its parent and keeps the best on validation."""

import logging
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas

from emopress.artifact import read_json, replaced_folder, write_json
from emopress.bundle.manifest import derived
from emopress.errors import UserError
from emopress.measure.candidates import Candidate as Timed
from emopress.measure.choice import Choice, Trial, choose, losses_of, misses
from emopress.measure.deciding import Judge
from emopress.measure.metrics import Scores, score_of, scores
from emopress.measure.predictions import checked_parts
from emopress.measure.timing import time_bundles
from emopress.runtime.bundle_reader import Bundle, read_bundle

if TYPE_CHECKING:
    from emopress.entries.budget import Search
    from emopress.entries.step import Step


@dataclass(frozen=True)
class Candidate:
    """A variant that is tried: its bundle's folder and its predictions."""

    variant: str
    bundle: Path
    predictions: Path


def search(
    *,
    parent: Path,
    parent_predictions: Path,
    candidates: list[Candidate],
    validation: Path,
    step: "Step[Search]",
    labels: list[str],
    judge: Judge,
    timing: dict[str, Any],
    threads: int,
    out: Path,
    trials: Path,
) -> None:
    """Copy the bundle of the best candidate to `out` and write every trial to the file `trials`.

    Scores are those of the validation rows of the predictions, latency is measured here, in
    interleaved rounds on validation texts with `threads` threads; nothing of the test split is read.
    `judge`: what decides. Where no candidate meets the budget the nearest miss is kept, and manifest,
    trials and log say what it misses by how much. UserError if predictions are not of the validation
    texts, or if a candidate is simulated, since it has neither the size nor the latency that it would be
    chosen for.
    """
    ids = pandas.read_parquet(validation, columns=["id"])["id"].tolist()
    bundles = [read_bundle(one.bundle, verify=False) for one in candidates]
    for one, bundle in zip(candidates, bundles, strict=True):
        if bundle.facts["simulated"]:
            raise UserError(
                f"search: {one.variant} is simulated; its size and latency are not those of what it simulates"
            )

    def judged(path: Path) -> dict[str, float]:
        result = validation_scores(path, labels, ids)
        return {metric.column: score_of(result, metric.column) for metric in judge.metrics}

    base, by_candidate = judged(parent_predictions), [judged(one.predictions) for one in candidates]
    clock = _latencies(candidates, bundles, validation, timing, threads)
    tried = [
        Trial(
            variant=one.variant,
            judge=judge,
            scores=score,
            losses=losses_of(judge.metrics, score, base),
            size_bytes=bundle.size_bytes,
            latency_ms=row["latency_ms_p50"],
        )
        for one, bundle, score, row in zip(
            candidates, bundles, by_candidate, clock["rows"], strict=True
        )
    ]
    budget, prefer, spread = (
        step.entry.budget.plain(),
        step.entry.prefer,
        clock["spread"][str(threads)],
    )
    choice = choose(tried, budget=budget, prefer=prefer, spread=spread)
    rows: list[dict[str, Any]] = [
        {
            "variant": trial.variant,
            **trial.scores,
            **{f"{column}_loss": round(loss, 6) for column, loss in trial.losses.items()},
            "size_bytes": trial.size_bytes,
            "latency_ms": trial.latency_ms,
            "meets": not misses(trial, budget),
            "chosen": place == choice.index,
        }
        for place, trial in enumerate(tried)
    ]
    logging.info("search: trials on validation\n%s", pandas.DataFrame(rows).to_string(index=False))
    chosen = tried[choice.index]
    logging.info(verdict(step.name, chosen.variant, choice, budget, judge))
    findings = {
        "chosen": chosen.variant,
        "met": choice.met,
        "misses": {name: round(over, 4) for name, over in choice.misses.items()},
        "trials": len(tried),
        **({"tied": list(choice.tied)} if choice.tied else {}),
    }
    content = {
        "parent": base_facts(parent, base),
        "budget": budget,
        "prefer": prefer,
        "judge_by": judge.key,
        "spread": spread,
        **findings,
        "environment": clock["environment"],
        "rows": rows,
    }
    write_json(trials, content)
    copy_bundle(candidates[choice.index].bundle, step.recorded, findings=findings, out=out)


def validation_scores(path: Path, labels: list[str], ids: list[Any]) -> Scores:
    """Return the scores of a predictions file on validation; UserError if it is of other texts.

    The filter drops the rows of the test split before anything looks at them.
    """
    frame = pandas.read_parquet(path, filters=[("split", "==", "validation")])
    parts = checked_parts(frame, path, labels)
    if frame["id"].tolist() != ids:
        raise UserError(f"{path}: its validation rows are not the validation texts; make it anew")
    part = parts["validation", 0.0]
    return scores(part.truth, part.predicted, labels)


def base_facts(parent: Path, parent_scores: dict[str, float]) -> dict[str, Any]:
    """Return the trials file's line on the parent, which losses refer to."""
    return {**parent_scores, "size_bytes": read_bundle(parent, verify=False).size_bytes}


def _latencies(
    candidates: list[Candidate],
    bundles: list[Bundle],
    validation: Path,
    timing: dict[str, Any],
    threads: int,
) -> dict[str, Any]:
    """Return the content of a timing file on `validation` texts: environment, rows as candidates.

    The first candidate is timed twice: what it differs by from itself is the spread. No fresh process is
    started: a budget limits neither memory nor cold starts.
    """
    timed = [
        Timed(one.variant, bundle.facts["seed"], bundle.manifest["runtime"], one.bundle)
        for one, bundle in zip(candidates, bundles, strict=True)
    ]
    timed.append(replace(timed[0], twin=True))
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "timing.json"
        settings = {**timing, "cold_starts": 0}
        time_bundles(timed, test=validation, settings=settings, threads=[threads], out=out)
        return dict(read_json(out))


def verdict(name: str, variant: str, choice: Choice, budget: dict[str, float], judge: Judge) -> str:
    """Return in one line what was chosen and, where no trial meets the budget, what is missed."""
    if choice.met and choice.tied:
        best = (
            f"the best by {judge.metric.name} of {len(choice.tied)} that timing cannot tell apart"
        )
        return f"search {name}: chose {variant}, which meets the budget, {best}"
    if choice.met:
        return f"search {name}: chose {variant}, which meets the budget"
    words = ", ".join(
        f"{limit} {budget[limit]:g} by {over:.4g} {judge.unit(limit)}"
        for limit, over in choice.misses.items()
    )
    return f"search {name}: no trial meets the budget; the nearest, {variant}, misses {words}"


def copy_bundle(source: Path, step: dict[str, Any], *, findings: dict[str, Any], out: Path) -> None:
    """Copy the bundle `source` to `out` as what pass `step` made of it.

    The libraries that made it are named with it.
    """
    bundle = read_bundle(source)
    packages = tuple(name for name in bundle.facts["versions"] if name != "python")
    with replaced_folder(out) as folder:
        for name in bundle.manifest["files"]:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / name, target)
        derived(folder, bundle, step, packages, findings=findings)
