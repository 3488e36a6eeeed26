# Where the library lies, and which config files are read.

import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from emopress.study.command_line import repeated_configfiles
from emopress.study.config_file import file_errors, unreadable

# Of several --configfile flags Snakemake keeps the last one's files; the others are read here first.
# Jobs run in processes of their own, which are told the last flag's files only: they find the others in
# the environment.
CONFIGFILES_VARIABLE = "EMOPRESS_CONFIGFILES"
FIRST_CONFIGFILES = repeated_configfiles(sys.argv) or [
    path for path in os.environ.get(CONFIGFILES_VARIABLE, "").split(os.pathsep) if path
]
os.environ[CONFIGFILES_VARIABLE] = os.pathsep.join(FIRST_CONFIGFILES)
for path in FIRST_CONFIGFILES:
    if not os.path.isfile(path):
        raise WorkflowError(
            f"--configfile {path}: no such file; with --directory, give all files after one --configfile"
        )
CONFIGFILES = [*FIRST_CONFIGFILES, *map(str, workflow.overwrite_configfiles)] or [
    str(ROOT / "config" / "config.yaml")
]
# A config file is one whole study: the default is read only where no other one is given, since
# Snakemake would merge the two.
READ_HERE = FIRST_CONFIGFILES if workflow.overwrite_configfiles else CONFIGFILES
# Told with line and column. (The files of the last --configfile Snakemake has read before this one:
# profiles/default has them looked at before that.)
for path in READ_HERE:
    if unreadable(path):
        raise WorkflowError(f"config: {unreadable(path)}")
# Not for the jobs: what their config says was checked when they were planned.
FILE_ERRORS = (
    [
        error
        for path in CONFIGFILES
        for error in file_errors(min(path, os.path.relpath(path), key=len))
    ]
    if workflow.is_main_process
    else []
)
