"""Exports of small models that the job which made their checkpoint makes ahead, while it has PyTorch loaded.

Importing PyTorch and transformers takes 4 s of processor time, exporting a small model 0.2 s. So the job that made the
checkpoint leaves the bundle in AHEAD, under a key of all that it depends on, and the job of the export, which is
planned and run again as any other, takes it over if the key is its own; else it exports the checkpoint itself.
"""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from emopress.artifact import check_files, replaced_folder, sha256_of
from emopress.errors import UserError
from emopress.jobs.cache import library_facts
from emopress.jobs.code import code_hash
from emopress.jobs.context import AHEAD
from emopress.jobs.job import warn
from emopress.jobs.ledger import table_of

CHECKPOINT, BUNDLE = "checkpoint.json", "bundle.json"


def place_of(maker: str, checkpoint: Path, code: Path | str) -> Path:
    """Return the folder of what `maker`, whose code stamp is `code`, makes of a checkpoint folder ahead."""
    content = {
        "maker": maker,
        "code": code_hash(code),
        "checkpoint": sha256_of(checkpoint / CHECKPOINT),
        **library_facts(),
    }
    return AHEAD / hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def make_ahead(
    export: Callable[[Path, Path], None], maker: str, checkpoint: Path, code: Path | str
) -> None:
    """Export a checkpoint folder for the export's own job; `export` calls `maker` with it and the folder to write.

    If that fails the job of the checkpoint has succeeded nevertheless; the log has the error, and the export's own job
    will meet it again and report it.
    """
    try:
        export(checkpoint, place_of(maker, checkpoint, code))
    except Exception:
        logging.exception("%s: not exported ahead", checkpoint)


def takes_over(snakemake: Any, maker: str) -> bool:
    """Put the bundle of an export's job in place if it was made ahead, and say whether it was.

    One that is damaged is discarded, with a warning.
    """
    if not AHEAD.is_dir() or "checkpoint" not in snakemake.input.keys():  # noqa: SIM118
        return False
    checkpoint, out = Path(snakemake.input.checkpoint).parent, Path(snakemake.output.out).parent
    mine = Path(tempfile.mkdtemp(dir=AHEAD))
    try:
        os.rename(place_of(maker, checkpoint, snakemake.input.code), mine)
        check_files(mine, table_of(mine / BUNDLE))
        with replaced_folder(out) as folder:
            shutil.copytree(mine, folder, dirs_exist_ok=True, copy_function=shutil.copyfile)
    except FileNotFoundError:
        return False
    except UserError as error:
        warn(f"{snakemake.rule}: the copy made ahead is discarded: {error}")
        return False
    finally:
        shutil.rmtree(mine, ignore_errors=True)
    logging.info("made ahead, by the job that made %s", checkpoint)
    return True
