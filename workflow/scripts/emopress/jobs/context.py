"""What a job knows of the run that it belongs to, and what shapes no result: its `params.context`.

The Snakemake that the user started decides it. Where a scheduler starts the jobs, each has a Snakemake of
its own, with other options: it reads what was decided from a file in .snakemake/.
"""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from emopress.artifact import replaced_file
from emopress.errors import UserError
from emopress.jobs.gpus import demand_gpus, gpus_per_run

FILE = Path(".snakemake") / "emopress-context.json"
AHEAD = Path(".snakemake") / "emopress-ahead"  # see `jobs.ahead`


@dataclass(frozen=True)
class Context:
    """The run of a job.

    `mirrors` are searched in this order. `cores` is the value of --cores, from which a job on this machine
    computes its share of the processors. `scheduled`: a scheduler starts the jobs and assigns processors and
    GPUs to each. `gpus`: how many a training run that can use several asks for, of the `gpu_limit` that
    Snakemake may give out (`--resources gpu=N`; None: any number). `cache` is the folder of the shared cache,
    None without --cache.
    """

    study: str = "emopress"
    tracking: str = "none"
    mirrors: tuple[str, ...] = ()
    cores: int = 1
    scheduled: bool = False
    gpus: int = 0
    gpu_limit: int | None = None
    cache: str | None = None

    def check_gpus(self) -> None:
        """Raise UserError if Snakemake may give out fewer GPUs than a training run asks for."""
        demand_gpus(self.gpus, limit=self.gpu_limit, scheduled=self.scheduled)

    def start(self) -> None:
        """Check what a run needs, and write the file that the Snakemakes of scheduled jobs read.

        What an earlier run exported ahead and did not use is removed. UserError if there are too few GPUs, or
        where the results cannot be written.
        """
        self.check_gpus()
        for folder in ("results", "results/logs"):
            if os.path.isdir(folder) and not os.access(folder, os.W_OK):
                raise UserError(
                    f"{folder}: not writable; give yourself the right to write there, or work on a copy"
                )
        FILE.parent.mkdir(exist_ok=True)
        if AHEAD.is_dir():
            shutil.rmtree(AHEAD)
        with replaced_file(FILE) as temporary:
            temporary.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @property
    def mirror_paths(self) -> list[Path]:
        """The mirror folders, in the order in which they are searched."""
        return [Path(mirror) for mirror in self.mirrors]


def saved_context() -> Context:
    """Return what the user's Snakemake has written; UserError if this machine does not see its folder."""
    try:
        values = json.loads(FILE.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(
            f"{FILE.absolute()}: no such file; the machines that run jobs must share the folder that "
            "Snakemake was started in"
        ) from None
    return Context(**{**values, "mirrors": tuple(values["mirrors"])})


def context_of_run(
    workflow: Any,
    *,
    study: str,
    tracking: str,
    mirrors: Sequence[Path | str],
    device: str,
    gpus: int,
    large: bool,
) -> Context:
    """Return the context of all jobs of this `workflow` (Snakemake's object), whose config says the rest.

    `large`: the study has large decoders, whose training runs share no GPU.
    """
    if not workflow.is_main_process:
        return saved_context()
    settings = workflow.resource_settings
    scheduled = (
        settings.nodes is not None
    )  # --jobs; without a scheduler Snakemake reads it as --cores
    resource = workflow.global_resources.get("gpu")
    limit = resource.value if resource else None
    cache = os.environ.get("SNAKEMAKE_OUTPUT_CACHE")
    return Context(
        study=study,
        tracking=tracking,
        mirrors=tuple(os.path.abspath(mirror) for mirror in mirrors),
        cores=settings.cores or 1,  # None where nothing is run (--report, --rulegraph)
        scheduled=scheduled,
        gpus=gpus_per_run(device, large=large, limit=limit, scheduled=scheduled, gpus=gpus),
        gpu_limit=limit,
        cache=os.path.abspath(cache)
        if cache and workflow.workflow_settings.cache is not None
        else None,
    )
