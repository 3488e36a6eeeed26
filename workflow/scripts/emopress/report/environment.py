"""The machine, the software and the cost of the jobs behind a report, and how they are written."""

import os
import platform
import shlex
import subprocess
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from emopress.measure.machine import TELLING_FLAGS, cpu_facts
from emopress.report.words import markup as t
from emopress.report.words.markup import Markdown
from emopress.runtime.processor import OPTION, x64quantprecision

PACKAGES = (
    "snakemake", "torch", "transformers", "tokenizers", "onnx", "onnxruntime", "datasets",
    "scikit-learn", "statsmodels", "numpy", "pandas", "safetensors", "vl-convert-python", "jinja2",
)  # fmt: skip
DEFAULT_CONFIG = "config/config.yaml"
INT8 = {
    "0": "its int8 products are exact without it",
    "1": "exact int8 products, slower than those of VNNI",
}


def command_of(config_files: Sequence[str], cores: int | str, *, mirror: bool = False) -> str:
    """Return the command that repeats the study, as typed in the project's folder.

    `mirror`: files came from a mirror folder, which the command shows as DIR, since its path is private. The `--` ends
    options that would take `report` for one more value.
    """
    files = [] if list(config_files) == [DEFAULT_CONFIG] else list(config_files)
    options = ["--configfile", *map(shlex.quote, files)] if files else []
    options += ["--config", "mirror=DIR"] if mirror else []
    return " ".join(
        ["snakemake --cores", str(cores), *options, *(["--"] * bool(options)), "report"]
    )


def environment(folder: Path) -> dict[str, Any]:
    """Return versions, processor, memory, system, and the git commit that holds `folder`.

    The commit is None if the project is not in a git repository.
    """
    cpu, flags = cpu_facts()
    pages, page = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "cpu": cpu,
        "cpu_flags": flags,
        "x64quantprecision": x64quantprecision(),
        "memory_gb": round(pages * page / 1e9, 1),
        "os": f"{platform.system()} {platform.release()}",
        "git_commit": _git(folder, "rev-parse", "HEAD"),
        "git_dirty": bool(_git(folder, "status", "--porcelain", "--untracked-files=no")),
    }


def versions_phrase(packages: Mapping[str, str]) -> Markdown:
    """List packages with their versions."""
    return t.join([Markdown(f"{t.escape(k)} {t.escape(v)}") for k, v in packages.items()])


def flags_phrase(flags: Collection[str]) -> Markdown:
    """List the CPU flags that decide how fast int8 and bf16 run."""
    return t.join([t.code(flag) for flag in TELLING_FLAGS if flag in flags])


def int8_phrase(option: str) -> Markdown:
    """Say which option makes ONNX Runtime's int8 products exact (`emopress.runtime.processor`)."""
    return Markdown(f"{t.code(f'{OPTION}={option}')}: {INT8[option]}")


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what git prints, None without git or a repository: the report then says so."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()
