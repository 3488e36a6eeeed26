"""Says why a target cannot be made, where Snakemake says only that no rule makes it."""

import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

from emopress import recipe
from emopress.errors import UserError, nearest, unknown
from emopress.study.command_line import typed_targets
from emopress.study.study import Study

ARTIFACTS = {"bundle": "bundle.json", "checkpoint": "checkpoint.json"}
ALLOWED = "targets are report, bundles, data, and files below results/ (results/report.html)"


def check_targets(workflow: Any, study: Study) -> None:
    """Raise UserError, a line for each target of the command that no rule of the workflow can make."""
    if not workflow.is_main_process:
        return
    problems = target_errors(
        typed_targets(),
        [rule.name for rule in workflow.rules],
        datasets=study.datasets,
        models=study.models,
        passes=study.passes,
    )
    if lines := "\n".join(problems):
        raise UserError(lines)


def target_errors(
    targets: Iterable[str],
    rules: Collection[str],
    *,
    datasets: Collection[str],
    models: Collection[str],
    passes: Collection[str],
) -> Iterator[str]:
    """Yield a line per target that is neither one of `rules` nor a file that the study may have."""
    for target in targets:
        path = PurePosixPath(os.path.normpath(target))
        if target in rules or path.is_absolute():
            continue
        for problem in _problems(path, rules, datasets, models, passes):
            yield f"target {target!r}: {problem}"


def _problems(
    path: PurePosixPath,
    rules: Collection[str],
    datasets: Collection[str],
    models: Collection[str],
    passes: Collection[str],
) -> Iterator[str]:
    if path.parts[0] not in ("results", ".snakemake"):
        files = ["results/report.md", "results/report.html", "results/summary.csv"]
        known = [*rules, *files, *(PurePosixPath(file).name for file in files)]
        near = nearest(path, known)
        meant = next((file for file in files if file.endswith(f"/{near}")), near)
        hint = f"did you mean {meant!r}? " if near else ""
        yield f"no such target; {hint}{ALLOWED[0].upper() if hint else ALLOWED[0]}{ALLOWED[1:]}"
    elif len(path.parts) > 3 and re.fullmatch(r"seed\d+", path.parts[3]):
        _, dataset, variant, _, *rest = path.parts
        if dataset not in datasets:
            yield unknown("dataset", dataset, datasets)
        yield from recipe.unknown_names(variant, models, passes)
        if len(rest) == 1 and rest[0] in ARTIFACTS:
            yield f"a folder; ask for the file {path / ARTIFACTS[rest[0]]}"
