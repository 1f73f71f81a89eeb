# Set-up and everyday commands. `make` alone lists them.
#
# Variables: PYTHON=python3.12 chooses the interpreter, VENV=path the environment's folder,
# WORKERS=n the number of test processes, LAB_FLAGS=--no-browser options of JupyterLab.

PYTHON ?= python3
VENV := .venv
WORKERS ?= 2

PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed

# A folder shared/data beside the checkout is used for the image sets, unless told otherwise.
ifeq ($(strip $(SNNLAB_DATA)),)
ifneq ($(wildcard ../shared/data/.),)
export SNNLAB_DATA := $(CURDIR)/../shared/data
endif
endif

# Where it is set, every process would compile the package's source anew, and tests start many.
unexport PYTHONDONTWRITEBYTECODE

INSTALL := $(PY) -m pip install --disable-pip-version-check --quiet -c constraints.txt
WARM_UP := $(PY) -c "import snnlab; snnlab.warm_up()"
LINT := $(PY) -m ruff check . && $(PY) -m ruff format --check . && \
  $(PY) tools/strip_outputs.py --check

# JupyterLab refuses to run as root unless told to; in containers one often is.
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)
NEXT := $(VENV) is ready. Next: make lab (the course), make demo (a training in the terminal), make test.

.DEFAULT_GOAL := help
.PHONY: help venv lab test test-all demo lint bench results docs student handouts fuzz clean

help:  ## list these commands
	@awk 'BEGIN {FS = ":.*  ## "} /^[a-z-]+:.*  ## / {printf "make %-8s %s\n", $$1, $$2}' Makefile

venv: $(STAMP)  ## create the environment (.venv) and install the package into it
	@$(if $(filter venv,$(MAKECMDGOALS)),echo "$(NEXT)",:)
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { \
	  echo "snnlab needs Python 3.11 or newer, and $(PYTHON) is missing or older."; \
	  echo "Name another one, for example: make venv PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c "import ensurepip, venv" || { \
	  echo "$(PYTHON) cannot create virtual environments: its venv or ensurepip module is missing."; \
	  echo "Debian and Ubuntu keep them in a package of their own: sudo apt install python3-venv"; \
	  exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version), installing snnlab and what it needs into"
	@echo "it, in the versions of constraints.txt. This takes a few minutes, and happens only once."
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@$(INSTALL) -e ".[browser]" || { \
	  echo "Playwright cannot be installed here: tests in a browser will be skipped."; \
	  $(INSTALL) -e ".[test]"; }
	@touch $@

lab: venv  ## open the first notebook in JupyterLab
	$(PY) -m jupyterlab $(AS_ROOT) $(LAB_FLAGS) notebooks/01_one_leaky_neuron.ipynb

# All passes run even if one fails; the full run comes last, so its summary is the last one shown.
# Most kernels are compiled beforehand, while the pass with bounds checks runs; that one compiles
# other code, with less effort, and has a cache of its own. Each process has a core, so networks take
# one thread where a test does not ask for more: else they wait for each other, and tests take twice
# as long. Tests in a browser go to one process (loadgroup): one JupyterLab is enough. `make test` has
# notebooks train less and runs a seventh of what takes long, another one each day of the week
# (SNNLAB_PART=0, Monday, to 6, or all).
test: export SNNLAB_WORKERS ?= 1
test: venv  ## run linters and the test-suite (uncompiled, bounds-checked, full), in twelve minutes
	@failed=""; mkdir -p .cache; said="$(CURDIR)/.cache/nojit.txt"; \
	{ NUMBA_DISABLE_JIT=1 $(PY) -m pytest -q -m nojit && $(WARM_UP); } > "$$said" 2>&1 & nojit=$$!; \
	trap 'kill $$nojit 2>/dev/null; exit 130' INT TERM; \
	echo "== lint"; { $(LINT); } || failed="$$failed lint"; \
	echo "== with bounds checks"; \
	NUMBA_BOUNDSCHECK=1 NUMBA_OPT=1 NUMBA_CACHE_DIR="$(CURDIR)/.cache/numba-bounds" \
	  $(PY) -m pytest -q -m bounds -n $(WORKERS) $(WHOLE) || failed="$$failed bounds"; \
	echo "== without JIT"; wait $$nojit || failed="$$failed nojit"; cat "$$said"; \
	echo "== all tests"; \
	$(PY) -m pytest -n $(WORKERS) --dist loadgroup $(WHOLE) || failed="$$failed tests"; \
	if [ -n "$$failed" ]; then echo "make test: failed:$$failed"; exit 1; fi

test-all: WHOLE := --all
test-all: test  ## the same with whole notebooks and all of them in a browser, in half an hour

demo: venv  ## train a network in the terminal, print the result, write a picture
	$(PY) -m snnlab demo

lint: venv  ## check style, formatting and that notebooks carry no outputs
	@$(LINT)

bench: venv  ## measure speed (let nothing else run meanwhile)
	$(PY) benchmarks/speed/speed.py

results: venv  ## write the tables and pictures of README.md and docs/ from data/results
	$(PY) tools/claims.py
	$(PY) tools/course_map.py
	$(PY) tools/results_table.py
	$(PY) tools/package_map.py
	$(PY) tools/pictures.py

fuzz: venv  ## hostile input, killed trainings, memory, for an hour or two (CI runs short forms)
	$(PY) tools/fuzz.py --cases 30
	$(PY) tools/fuzz.py --cases 10 --bounds --seed 1
	$(PY) tools/kill.py --kills 100
	$(PY) tools/grow.py --times 1000

docs: venv  ## render docs/ and a reference as a site in .cache/site
	NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --strict --quiet
	@echo "Open .cache/site/index.html, or see it change with: $(PY) -m mkdocs serve"

student: venv  ## copy the notebooks without solutions to the folder student
	$(PY) tools/student_copy.py

handouts: venv  ## print a page of A4 per notebook into .cache/handouts, with a Chromium
	$(PY) tools/handouts.py

clean:  ## remove the environment, caches and compiled kernels
	rm -rf "$(VENV)" .cache .pytest_cache .ruff_cache build dist
	find snnlab tests tools benchmarks notebooks \( -name __pycache__ -o -name .ipynb_checkpoints \) \
	  -prune -exec rm -rf {} + 2>/dev/null || true
