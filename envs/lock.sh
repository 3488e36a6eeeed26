#!/bin/sh
# Writes the lock files and the conda environments from pyproject.toml, in a fresh environment (make lock).
# Each lock holds what comes on top of the one before: requirements, then -openvino and -slurm, then -dev. That of -sbom
# is whole.
set -eu
python=${1:-python3}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$python" -m venv "$scratch/venv"
pip="$scratch/venv/bin/python -m pip --disable-pip-version-check"
apart="$scratch/apart/bin/python -m pip --disable-pip-version-check"
names() { # what an extra asks for
  "$scratch/venv/bin/python" - "$1" <<'P'
import sys, tomllib
print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"][sys.argv[1]]))
P
}
frozen() { # of a pip; names alike and sorted whatever its version, no local versions (torch's +cpu)
  $1 freeze --all | sed 's/+[a-z0-9.]*$//' | awk -F== '{ gsub("_", "-", $1); print tolower($1) "==" $2 }' |
    grep -v '^pip=' | LC_ALL=C sort -t= -k1,1
}
add() { # what this adds to the environment -> a lock's pins; what is there already stays as it is
  frozen "$pip" > "$scratch/before.txt"
  $pip install --quiet -c "$scratch/before.txt" -r "$1"
  frozen "$pip" | grep -v -x -F -f "$scratch/before.txt" > "$2"
}
environment() { # a conda environment with the pins of the given files
  printf 'channels: [conda-forge]\ndependencies:\n  - python=3.11\n  - pip\n  - pip:\n'
  cat "$@" | sed 's/^/      - /'
}
names study > "$scratch/run.txt"
$pip install --quiet -r "$scratch/run.txt"
frozen "$pip" > "$scratch/run.lock"
names openvino > "$scratch/openvino.txt"
add "$scratch/openvino.txt" "$scratch/openvino.lock"
names slurm > "$scratch/slurm.txt"
add "$scratch/slurm.txt" "$scratch/slurm.lock"
names dev > "$scratch/dev.txt"
add "$scratch/dev.txt" "$scratch/dev.lock"
"$python" -m venv "$scratch/apart"
names sbom > "$scratch/sbom.txt"
frozen "$pip" > "$scratch/all.txt" # the same versions where both need a package
$apart install --quiet -c "$scratch/all.txt" -r "$scratch/sbom.txt"
frozen "$apart" | grep -v '^setuptools=' > "$scratch/sbom.lock"
{
  echo '# Every package of the workflow (extra `study`), pinned. `make lock` writes it from pyproject.toml.'
  cat "$scratch/run.lock"
} > requirements.lock
{
  echo '# What the extra `openvino` needs on top of requirements.lock.'
  echo '-r requirements.lock'
  cat "$scratch/openvino.lock"
} > requirements-openvino.lock
{
  echo '# What the extra `slurm` needs on top of requirements.lock.'
  echo '-r requirements.lock'
  cat "$scratch/slurm.lock"
} > requirements-slurm.lock
{
  echo '# What the tests and linters need on top of requirements-openvino.lock.'
  echo '-r requirements-openvino.lock'
  cat "$scratch/dev.lock"
} > requirements-dev.lock
{
  echo '# What `make sbom` needs, in an environment of its own.'
  cat "$scratch/sbom.lock"
} > requirements-sbom.lock
{
  echo '# For `--software-deployment-method conda`: the same pins as requirements.lock (a test compares them).'
  environment "$scratch/run.lock"
} > envs/emopress.yaml
{
  echo '# For `--software-deployment-method conda`, where a study has OpenVINO bundles: the same pins as'
  echo '# requirements.lock and requirements-openvino.lock (a test compares them).'
  environment "$scratch/run.lock" "$scratch/openvino.lock"
} > envs/openvino.yaml
