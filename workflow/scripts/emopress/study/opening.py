"""Opens the study that Snakemake is started with: checks its config files, and prints memory in a dry run."""

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from emopress.errors import UserError
from emopress.study.command_line import repeated_flag
from emopress.study.config_file import file_errors, unreadable
from emopress.study.load_study import load_study
from emopress.study.memory_plan import (
    check_checkpoints,
    free_gpu_bytes,
    has_decoders,
    memory_report,
)
from emopress.study.study import Study

RESULTS = Path("results")


def config_files(workflow: Any, default: Path) -> list[str]:
    """Return the config files of this run: those after --configfile, else `default`.

    A config file is one whole study: the default is read only if no other is given, since Snakemake would merge them.
    UserError if a flag is repeated or the default cannot be read.
    """
    if workflow.is_main_process and (error := repeated_flag()):
        raise UserError(error)
    if workflow.overwrite_configfiles:
        return [str(path) for path in workflow.overwrite_configfiles]
    if fault := unreadable(default):
        raise UserError(f"config: {fault}")
    return [str(default)]


def open_study(workflow: Any, config: dict[str, Any], files: Sequence[str], root: Path) -> Study:
    """Return the checked study of a `config` that Snakemake has read from `files`; UserError if it is wrong.

    The Snakemakes of scheduled jobs do not look at the files again: they were checked when the jobs were
    planned.
    """
    errors = [
        error
        for path in files
        if workflow.is_main_process
        for error in file_errors(min(path, os.path.relpath(path), key=len))
    ]
    study = load_study(config, root, several_files=len(files) > 1, file_errors=errors)
    check_checkpoints(study, RESULTS)
    if workflow.output_settings.dryrun and has_decoders(study, RESULTS):
        print(memory_report(study, RESULTS, free_gpu_bytes()), file=sys.stderr)
    # The plan of a large study is millions of objects, which all stay; by default Python looks through them
    # for garbage so often that planning takes a quarter longer.
    gc.set_threshold(50_000, 20, 20)
    return study
