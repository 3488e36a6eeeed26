"""Runs bandit over the library and compares what it finds with what docs/security.md explains (make audit)."""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"\| (B\d{3}) \| (.*?) \|")


def found():
    """Return bandit's findings of every severity as {(test, file)}."""
    command = [sys.executable, "-m", "bandit", "--quiet", "-r", "workflow/scripts", "-f", "json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    if report["errors"]:
        sys.exit(f"bandit could not read {report['errors']}")
    start = "workflow/scripts/emopress/"
    return {(r["test_id"], r["filename"].removeprefix(start)) for r in report["results"]}


def explained():
    """Return the findings that docs/security.md has a row for."""
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = (ROW.match(line) for line in page.splitlines())
    return {(row[1], file) for row in rows if row for file in re.findall(r"`(\S+\.py)`", row[2])}


def differences():
    """Return one line per finding without a row, and per row without a finding."""
    here, there = found(), explained()
    new = [
        f"bandit {test} in {file}: not explained in docs/security.md" for test, file in here - there
    ]
    old = [
        f"docs/security.md: bandit has no {test} in {file} any more" for test, file in there - here
    ]
    return sorted(new + old)


if __name__ == "__main__":
    lines = differences()
    print(
        "\n".join(lines)
        or f"bandit: {len(explained())} findings, all explained in docs/security.md"
    )
    sys.exit(bool(lines))
