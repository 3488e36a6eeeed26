"""Calls the function that makes a job's output: inputs, outputs and params become arguments by their names."""

import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

from emopress.imports import uncollected
from emopress.jobs.ahead import make_ahead, takes_over
from emopress.jobs.cache import cached
from emopress.jobs.job import job, training_processes
from emopress.jobs.ledger import TABLES
from emopress.jobs.processes import launched
from emopress.jobs.watching import training_run

ABOUT_THE_JOB = ("ahead", "cached", "context", "maker")  # params that no maker takes


def maker_of(name: str) -> Callable[..., None]:
    """Return the function that "module:function" names."""
    module, _, function = name.partition(":")
    with uncollected():
        maker: Callable[..., None] = getattr(import_module(module), function)
    return maker


def _artifact(paths: Any) -> Any:
    """Return a file of a job as a Path; a manifest stands for its folder. A list of files stays one."""
    if not isinstance(paths, str):
        return [_artifact(path) for path in paths]
    path = Path(paths)
    return path.parent if path.name in TABLES else path


def arguments_of(
    snakemake: Any, parameters: Mapping[str, Parameter], threads: int
) -> dict[str, Any]:
    """Return the arguments of a maker with these parameters; TypeError unless the job fits them.

    A maker must take all inputs, outputs and params of its job, by their names. Where it has such a
    parameter it also gets the wildcards `dataset` and `seed`, the job's `threads`, and the training `run`.
    """
    given = {
        **{name: _artifact(paths) for name, paths in snakemake.input.items() if name != "code"},
        **{name: _artifact(path) for name, path in snakemake.output.items()},
        **{name: v for name, v in snakemake.params.items() if name not in ABOUT_THE_JOB},
    }
    offered: dict[str, Any] = {"threads": threads}
    if "run" in parameters:
        code, context = snakemake.input.code, snakemake.params.context
        offered["run"] = training_run(given["out"], code, context)
    for name, convert in (("dataset", str), ("seed", int)):
        if name in snakemake.wildcards.keys():  # noqa: SIM118
            offered[name] = convert(snakemake.wildcards[name])
    required = {name for name, one in parameters.items() if one.default is Parameter.empty}
    missing, unknown = required - {*given, *offered}, set(given) - set(parameters)
    if missing or unknown:
        raise TypeError(
            f"rule {snakemake.rule} does not fit {snakemake.params.maker}: "
            f"missing {sorted(missing)}, not taken {sorted(unknown)}"
        )
    return given | {name: value for name, value in offered.items() if name in parameters}


def _export(maker: str, threads: int, checkpoint: Path, out: Path) -> None:
    function = maker_of(maker)
    more = {"threads": threads} if "threads" in signature(function).parameters else {}
    function(checkpoint=checkpoint, out=out, **more)


def make(snakemake: Any) -> None:
    """Make the output of a job: from the shared cache where its rule says so, else by its maker.

    The job of a small model's checkpoint also exports it ahead (`jobs.ahead`): its param `ahead` has the maker of the
    export and the stamp of its code.
    """
    with job(snakemake) as threads:
        trains = "device" in snakemake.params.keys()  # noqa: SIM118
        processes = training_processes(snakemake) if trains else 1

        def make_it() -> None:
            if takes_over(snakemake, snakemake.params.maker):
                return
            maker = maker_of(snakemake.params.maker)
            arguments = arguments_of(snakemake, signature(maker).parameters, threads)
            launched(maker, arguments, processes=processes, threads=threads)

        if snakemake.params.cached:
            facts = {"processes": processes} if processes > 1 else None
            cached(snakemake, make_it, threads=threads, facts=facts)
        else:
            make_it()
        ahead = snakemake.params.get("ahead")
        if ahead and "torch" in sys.modules:
            maker, code = ahead
            checkpoint = _artifact(snakemake.output.out)
            make_ahead(partial(_export, maker, threads), maker, checkpoint, code)
