# make setup     install the packages of requirements.lock into .venv, and the command emopress; with EXTRAS=openvino
#                OpenVINO and NNCF too, for studies with OpenVINO bundles; with EXTRAS=slurm the plugin of
#                profiles/slurm (EXTRAS works with report and bench as well)
# make report    set everything up and run the demo study, which writes results/report.md and results/report.html
# make test      set everything up and run the whole test suite
# make test-faults  kill -9 a study KILLS times (100) at random points, and inject the other faults of tests/faults
# make test-cluster  run a small study on a real Slurm, which it starts on this machine (as root, with the Debian
#                packages slurm-wlm and munge; without them its tests are skipped)
# make bench     print the project's own times and ratios (MIRROR=DIR: those of the real study too)
# make bench-growth  print how the CPU time and the memory of jobs grow with texts and variants, and write docs/scale.md
# make bench-study  print how long the default study takes beside commit OLD's (ddfa2c4), with --cores CORES (2)
# make bench-speed  print how fast, small and good the smallest models are beside BERT-base (MIRROR=DIR: trained on
#                DIR/emotion first, which takes an hour once)
# make bench-peers  print our int8 beside that of optimum-onnx, Olive, NNCF with OpenVINO (MIRROR=DIR: on texts of
#                emotion; CHECKPOINT=FOLDER: of a trained model); needs the network for their packages
# make pins      write the commit ids of CONFIG's hub models (CONFIG=config/study.yaml; needs the network)
# make audit     look for known weaknesses: bandit in the code, pip-audit in the pinned packages (needs the network)
# make sbom      list the installed packages, with licences, in results/sbom.cdx.json (CycloneDX)
# make container build the Containerfile on the image BASE=NAME@sha256:DIGEST (ENGINE=docker or podman)
# make docs      write config/README.md and the editors' schema from the entries, docs/bad-input.md from the tests
# make lock      write the lock files from pyproject.toml

PYTHON ?= python3
CORES ?= 4
TEST_CORES ?= 2
CONFIG ?= config/study.yaml
ENGINE ?= podman
EXTRAS ?=
KILLS ?= 100
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: setup report test test-faults test-cluster bench bench-peers bench-growth bench-study bench-speed pins audit sbom container docs lock lint
.DELETE_ON_ERROR:

setup: $(VENV)/installed $(VENV)/linked $(EXTRAS:%=$(VENV)/installed-%)
report: setup
	snakemake --cores $(CORES) report

test: $(VENV)/installed-dev $(VENV)/sbom/installed $(VENV)/linked lint
	python -m pytest -n $(TEST_CORES) --dist loadfile --ignore=tests/cluster

test-faults: $(VENV)/installed-dev $(VENV)/linked
	EMOPRESS_KILLS=$(KILLS) EMOPRESS_JOB_KILLS=$(KILLS) python -m pytest tests/faults

test-cluster: $(VENV)/installed-dev $(VENV)/installed-slurm $(VENV)/linked
	PATH="$$PATH:/usr/sbin" python -m pytest tests/cluster  # where the daemons are

lint: $(VENV)/installed-dev
	ruff format --check .
	ruff check .
	snakefmt --check --compact-diff Snakefile workflow/rules
	mypy

bench: setup
	python tests/bench.py $(if $(MIRROR),--mirror $(MIRROR))

bench-growth: setup
	python tests/bench_growth.py --docs

bench-study: setup
	python tests/bench_study.py --old $(or $(OLD),ddfa2c4) $(if $(filter command line,$(origin CORES)),--cores $(CORES))

bench-speed: setup
	python tests/bench_speed.py $(if $(MIRROR),--mirror $(MIRROR))

bench-peers: setup $(VENV)/installed-openvino
	python tests/bench_peers.py $(if $(MIRROR),--mirror $(MIRROR)) $(if $(CHECKPOINT),--checkpoint $(CHECKPOINT))

pins: setup
	python workflow/scripts/pin_revisions.py $(CONFIG)

audit: $(VENV)/installed-dev
	python tests/audit.py
	sed '/^-r/d; /^#/d' requirements.lock requirements-openvino.lock > $(VENV)/audited.txt
	pip-audit --strict --no-deps --disable-pip --progress-spinner off -r $(VENV)/audited.txt

sbom: $(VENV)/installed $(VENV)/sbom/installed
	$(VENV)/sbom/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible -o results/sbom.cdx.json $(BIN)/python

container:
	@case "$(BASE)" in *@sha256:*) ;; *) echo 'make container BASE=NAME@sha256:DIGEST' >&2; exit 1 ;; esac
	$(ENGINE) build --file Containerfile --build-arg BASE=$(BASE) --tag emopress .

docs: setup
	python workflow/scripts/document_config.py
	python tests/bad_input_page.py

lock:
	sh envs/lock.sh $(PYTHON)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "emopress needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + "; try: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: requirements.lock | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@touch $@

$(VENV)/sbom/installed: requirements-sbom.lock | $(VENV)/bin/python
	$(BIN)/python -m venv $(VENV)/sbom
	$(VENV)/sbom/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed-openvino
$(VENV)/installed-%: requirements-%.lock $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

# `emopress` and `import emopress`, from this working tree; pyproject.toml's build backend is in the lock.
$(VENV)/linked: pyproject.toml $(VENV)/installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
