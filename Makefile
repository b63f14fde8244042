# Every target sets itself up: `make demo` and `make test` work on a bare machine with make and Python 3.11 or newer.
# Overridable: PYTHON (the interpreter to build the environment from), VENV (where it goes), INSTALL_FLAGS (for
# `uv pip install`, e.g. "--resolution lowest-direct"), PYTEST_FLAGS, TORCH (what `make bench-speed` gives to pip; a CPU
# build will do). CI=true adds the tests marked slow.

PYTHON ?= python3
VENV ?= .venv
INSTALL_FLAGS ?=
PYTEST_FLAGS ?=
TORCH ?= torch==2.13.0

BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.docs-installed
SITE := build/docs
SOURCES := balanced_nn tests docs examples $(wildcard benchmarks)
# A worker loads TensorFlow, a gigabyte; tests of one file share what they have fitted and compiled.
WORKERS := -n logical --maxprocesses 4 --dist loadfile
SELECT := $(if $(filter true 1,$(CI)),,-m "not slow")

# Importing TensorFlow without byte code costs tens of seconds, every time.
unexport PYTHONDONTWRITEBYTECODE
# TensorFlow's start-up messages say nothing about this project.
export TF_CPP_MIN_LOG_LEVEL ?= 3

.DELETE_ON_ERROR:
.PHONY: help demo test check lint types layers doctest docs dist pictures format bench-sets bench-speed bench-diagnosis bench-trouble bench-fuzz bench-hostile bench-soak bench-probability bench-composition bench-quality bench-scale bench-cluster clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /|/' | while IFS='|' read -r name text; do printf '%-12s %s\n' "$$name" "$$text"; done

demo: $(STAMP)  ## a plain MLP collapses on real data; this package's network does not
	$(BIN)/python -m balanced_nn demo

test: $(STAMP)  ## the tests (CI=true: the slow ones too)
	$(BIN)/python -m pytest $(WORKERS) $(SELECT) $(PYTEST_FLAGS)

check: lint types layers test doctest docs  ## everything that CI runs

lint: $(STAMP)  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)  ## mypy
	$(BIN)/mypy

layers: $(STAMP)  ## import-linter: no room imports a room above it
	$(BIN)/lint-imports

doctest: $(STAMP)  ## the examples in the docstrings
	$(BIN)/python -m pytest --doctest-modules balanced_nn $(PYTEST_FLAGS)

docs: $(DOCS_STAMP)  ## the site, from clean, in build/docs: runs every example, a warning is an error
	rm -rf docs/generated docs/sg_execution_times.rst $(SITE)
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs $(SITE)
	$(BIN)/python docs/check_links.py $(SITE)

dist: $(STAMP)  ## wheel and sdist in dist/; installs the wheel alone in build/wheel and runs README and demo from it
	rm -rf dist build/wheel
	$(BIN)/uv build --quiet --out-dir dist
	$(PYTHON) -m venv build/wheel
	$(BIN)/uv pip install --quiet --python build/wheel/bin/python $(INSTALL_FLAGS) dist/*.whl
	$(BIN)/python .ci/check_wheel.py build/wheel

pictures: $(STAMP)  ## draw the pictures of README.md, CONTRIBUTING.md and docs/displays.md anew
	$(BIN)/python docs/draw_problem.py
	$(BIN)/python docs/draw_displays.py
	$(BIN)/python docs/draw_layers.py

format: $(STAMP)  ## let ruff mend and format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench-sets: $(STAMP)  ## fit each table in the folder BALANCED_NN_DATA and write the table in benchmarks/README.md
	$(BIN)/python -m benchmarks.robustness.sets
	$(BIN)/python -m benchmarks.robustness.sets report

bench-speed: .venv-peers/.installed  ## measure speed beside peers and write the tables in benchmarks/ and docs/
	.venv-peers/bin/python -m benchmarks.speed.run
	.venv-peers/bin/python -m benchmarks.speed.run report

bench-diagnosis: $(STAMP)  ## break networks, and see whether the cause is named (an hour; tables from BALANCED_NN_DATA)
	$(BIN)/python -m benchmarks.diagnosis.run run
	$(BIN)/python -m benchmarks.diagnosis.run report
	$(BIN)/python -m benchmarks.diagnosis.small_run run
	$(BIN)/python -m benchmarks.diagnosis.small_run report

bench-trouble: $(STAMP)  ## fit BalancedNNClassifier with ruinous settings and on ruinous data
	$(BIN)/python -m benchmarks.robustness.trouble run
	$(BIN)/python -m benchmarks.robustness.trouble report

bench-fuzz: $(STAMP)  ## hand tables of mutated bytes to the command (half an hour)
	$(BIN)/python -m benchmarks.robustness.fuzz run
	$(BIN)/python -m benchmarks.robustness.fuzz report

bench-hostile: $(STAMP)  ## fit 1,000 tables with settings, both drawn at random (hours)
	$(BIN)/python -m benchmarks.robustness.hostile run
	$(BIN)/python -m benchmarks.robustness.hostile report

bench-soak: $(STAMP)  ## eight threads predict while one fits and changes priors (twenty minutes)
	$(BIN)/python -m benchmarks.robustness.soak run
	$(BIN)/python -m benchmarks.robustness.soak report

bench-scale: $(STAMP)  ## fits from files, killed ones, and networks on a cluster, beside fits in memory (an hour)
	$(BIN)/python -m benchmarks.scale.run memory --rows 10000000
	$(BIN)/python -m benchmarks.scale.run quality
	$(BIN)/python -m benchmarks.scale.run report
	$(BIN)/python -m benchmarks.scale.kills run
	$(BIN)/python -m benchmarks.scale.kills report
	$(BIN)/python -m benchmarks.scale.networks run
	$(BIN)/python -m benchmarks.scale.networks report
	$(BIN)/python -m benchmarks.scale.online run
	$(BIN)/python -m benchmarks.scale.online report

bench-cluster: .venv-cluster/.installed  ## searches, partial_fit and predictions on a cluster beside one process
	.venv-cluster/bin/python -m benchmarks.scale.cluster search
	.venv-cluster/bin/python -m benchmarks.scale.cluster incremental
	.venv-cluster/bin/python -m benchmarks.scale.cluster prediction
	.venv-cluster/bin/python -m benchmarks.scale.cluster report

bench-probability: .venv-peers/.installed  ## log-loss, calibration and decisions beside peers (hours; BALANCED_NN_DATA)
	.venv-peers/bin/python -m benchmarks.probability.run run sets
	.venv-peers/bin/python -m benchmarks.probability.run run decisions --seeds 0 1 2
	.venv-peers/bin/python -m benchmarks.probability.run run synthetic
	.venv-peers/bin/python -m benchmarks.probability.run run averaging
	.venv-peers/bin/python -m benchmarks.probability.run report

bench-composition: $(STAMP)  ## what meta-estimators keep of probabilities and decisions
	$(BIN)/python -m benchmarks.composition.run
	$(BIN)/python -m benchmarks.composition.run report

bench-quality: $(STAMP) .venv-peers/.installed  ## predictions beside networks and boosted trees (hours; BALANCED_NN_DATA)
	.venv-peers/bin/python -m benchmarks.quality.run run
	.venv-peers/bin/python -m benchmarks.quality.run run --table large
	.venv-peers/bin/python -m benchmarks.quality.run ablate
	.venv-peers/bin/python -m benchmarks.quality.run tune
	.venv-peers/bin/python -m benchmarks.quality.run distort
	$(BIN)/python -m benchmarks.quality.run report

# pip first: without a version, or through uv, PyTorch comes with gigabytes of CUDA.
.venv-peers/.installed: pyproject.toml
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --upgrade uv '$(TORCH)'
	.venv-peers/bin/uv pip install --python .venv-peers/bin/python --compile-bytecode --editable '.[bench,peers]'
	touch $@

.venv-cluster/.installed: pyproject.toml
	$(PYTHON) -m venv .venv-cluster
	.venv-cluster/bin/python -m pip install --quiet --upgrade uv
	.venv-cluster/bin/uv pip install --python .venv-cluster/bin/python --compile-bytecode --editable '.[arrow,dask]' \
	    dask-ml pyspark
	touch $@

clean:  ## remove the environments, caches and builds
	rm -rf .venv .venv-* .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist docs/generated \
	    docs/sg_execution_times.rst
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "balanced_nn needs Python 3.11 or newer; \
	'$(PYTHON)' is $$($(PYTHON) --version 2>&1). Name another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip
	$(BIN)/python -m pip install --quiet --upgrade uv
	$(BIN)/uv pip install --python $(BIN)/python --compile-bytecode $(INSTALL_FLAGS) --editable '.[dev]'
	touch $@

$(DOCS_STAMP): $(STAMP)
	$(BIN)/uv pip install --python $(BIN)/python --compile-bytecode $(INSTALL_FLAGS) --editable '.[dev,docs]'
	touch $@
