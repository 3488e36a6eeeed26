"""Resolves the hub revisions of a config's models and writes the commit ids into the file.

    python workflow/scripts/pin_revisions.py config/study.yaml        (make pins CONFIG=config/study.yaml)

Only models whose revision is absent or `main` are touched; needs the network.
"""

import re
import sys
from pathlib import Path
from typing import Any

import yaml

from emopress.artifact import replaced_file
from emopress.data.hub import is_commit, resolve_revision
from emopress.errors import UserError
from emopress.study.config_file import unreadable


def hub_entries(models: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return name and entry of all that is taken from the hub: checkpoints and tokenizers."""
    sources = [(name, entry) for name, entry in models.items()]
    sources += [(f"{name}.tokenizer", entry.get("tokenizer", {})) for name, entry in models.items()]
    return [(name, entry) for name, entry in sources if "hub" in entry]


def pinned(text: str, commits: dict[str, str]) -> str:
    """Return a config's text with `revision: <commit>` after each line `hub: <repo>` of `commits`."""
    lines, result = text.split("\n"), []
    written, skip = set(), False
    for index, line in enumerate(lines):
        if skip and re.match(r"\s*revision:", line):
            skip = False
            continue
        skip = False
        result.append(line)
        match = re.fullmatch(r"(\s*)hub:\s*(\S+)\s*(#.*)?", line)
        if match and match[2] in commits:
            result.append(f"{match[1]}revision: {commits[match[2]]}")
            written.add(match[2])
            skip = index + 1 < len(lines)
    missing = sorted(set(commits) - written)
    if missing:
        raise UserError(
            f"no line `hub: {missing[0]}` of its own to write the revision under; "
            f"add by hand: revision: {commits[missing[0]]}"
        )
    done = "\n".join(result)
    for name, entry in hub_entries((yaml.safe_load(done) or {}).get("models", {})):
        if entry["hub"] in commits and entry.get("revision") != commits[entry["hub"]]:
            raise UserError(
                f"models.{name}: put its revision right below its hub; "
                f"the commit is {commits[entry['hub']]}"
            )
    return done


def main(path: Path) -> None:
    """Pin what is not pinned yet and print each model's commit."""
    if fault := unreadable(path):
        raise UserError(fault)
    text = path.read_text(encoding="utf-8")
    models = (yaml.safe_load(text) or {}).get("models", {})
    commits = {}
    for name, entry in hub_entries(models):
        repo, revision = entry["hub"], str(entry.get("revision", "main"))
        if not is_commit(revision):
            commits[repo] = resolve_revision(repo, revision)
            print(f"{name}: {repo} at {commits[repo]}")
    if not commits:
        print(f"{path}: every hub model is pinned already")
        return
    with replaced_file(path) as temporary:
        temporary.write_text(pinned(text, commits), encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: pin_revisions.py CONFIG.yaml")
    try:
        main(Path(sys.argv[1]))
    except UserError as error:
        sys.exit(f"error: {error}")
