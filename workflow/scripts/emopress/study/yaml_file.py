"""Reads the project's YAML files."""

from pathlib import Path
from typing import Any

import yaml


def read_yaml(path: Path) -> Any:
    """Return what a file holds, read by libyaml: every job does this, and PyYAML takes 0.3 s for the schema alone.

    OSError, UnicodeDecodeError or yaml.YAMLError where it cannot be read.
    """
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
