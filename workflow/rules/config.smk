# The study that the config describes, checked; and the context of the run.

import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

ROOT = Path(workflow.basedir)
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from emopress.errors import UserError
from emopress.jobs.context import context_of_run
from emopress.study.opening import config_files, open_study
from emopress.study.targets import check_targets

try:
    CONFIGFILES = config_files(workflow, ROOT / "config" / "config.yaml")
except UserError as error:
    raise WorkflowError(str(error)) from None

if not workflow.overwrite_configfiles:

    configfile: CONFIGFILES[0]


try:
    STUDY = open_study(workflow, config, CONFIGFILES, ROOT)
    CONTEXT = context_of_run(
        workflow,
        study=STUDY.name,
        tracking=STUDY.tracking,
        mirrors=STUDY.mirrors,
        device=STUDY.device,
        gpus=STUDY.gpus,
        large=STUDY.has_large(),
    )
except UserError as error:
    raise WorkflowError(str(error)) from None
