#!/bin/sh
# Writes requirements.lock and requirements-dev.lock from pyproject.toml, in a fresh environment (make lock).
set -eu
python=${1:-python3}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$python" -m venv "$scratch/venv"
pip="$scratch/venv/bin/python -m pip --disable-pip-version-check"
names() { # the project's dependencies, or those of an extra
  "$scratch/venv/bin/python" - "$@" <<'P'
import sys, tomllib
project = tomllib.load(open("pyproject.toml", "rb"))["project"]
print("\n".join(project["optional-dependencies"][sys.argv[1]] if sys.argv[1:] else project["dependencies"]))
P
}
frozen() { $pip freeze | sed 's/+[a-z0-9.]*$//' | grep -v -i '^\(pip\|setuptools\)='; }
names > "$scratch/run.txt"
$pip install --quiet -r "$scratch/run.txt"
frozen > "$scratch/run.lock"
names dev > "$scratch/dev.txt"
$pip install --quiet -r "$scratch/dev.txt"
frozen > "$scratch/all.lock"
{
  echo '# Every package of the default install, pinned. `make lock` writes it from pyproject.toml.'
  cat "$scratch/run.lock"
} > requirements.lock
{
  echo '# What the tests and linters need on top of requirements.lock.'
  echo '-r requirements.lock'
  grep -v -x -F -f "$scratch/run.lock" "$scratch/all.lock"
} > requirements-dev.lock
