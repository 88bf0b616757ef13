# Two commands set up everything they need:
#   make demo    draw a synthetic smear, count its leukocytes, print the differential
#   make test    the checks and the tests
#   make docs    the site of docs/, in site/
#   make screenshots    the pictures of docs/tutorial.md, taken anew
# An active virtual environment is used; without one, .venv is made here. PYTHON=... picks the interpreter for it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test check test-core test-gui docs links screenshots system-packages clean

PYTHON ?= python3
VENV := $(abspath $(or $(VIRTUAL_ENV),.venv))
BIN := $(VENV)/bin
DEMO := demo

help:
	@sed -n 's/^#   //p' Makefile

demo: $(VENV)/.napari-wbc-demo
	mkdir -p $(DEMO)
	$(BIN)/napari-wbc sample --out $(DEMO)/smear.png --size 4000x3000 --seed 1
	$(BIN)/napari-wbc count $(DEMO)/smear.png --out $(DEMO)/results
	@echo
	@echo "Report: $(DEMO)/results/smear/report.html   Overlay: $(DEMO)/results/smear/overlay.png"

test: system-packages $(VENV)/.napari-wbc-test check
	@# Both suites run, whatever the first one says; a failure of either is a failure.
	@status=0; \
	$(MAKE) --no-print-directory test-gui || status=1; \
	$(MAKE) --no-print-directory test-core || status=1; \
	exit $$status

check: $(VENV)/.napari-wbc-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The core runs without Qt, without a display, and on one thread per process (two processes share the machine).
test-core: export OMP_NUM_THREADS := 1
test-core: $(VENV)/.napari-wbc-test
	env -u DISPLAY -u WAYLAND_DISPLAY $(BIN)/python -m pytest -p no:napari -p no:pytest-qt -n 2 --ignore=tests/gui
	@# The examples of the docstrings; on their own, since test files of the same name in two folders are no modules.
	env -u DISPLAY -u WAYLAND_DISPLAY $(BIN)/python -m pytest -p no:napari -p no:pytest-qt --doctest-modules \
		--ignore=src/napari_wbc/gui src/napari_wbc

# Software rendering in a virtual display: the same pixels on every machine.
test-gui: export OMP_NUM_THREADS := 2
test-gui: export LIBGL_ALWAYS_SOFTWARE := 1
test-gui: export QT_QPA_PLATFORM := xcb
test-gui: export QT_API := pyqt6
test-gui: $(VENV)/.napari-wbc-test
	xvfb-run -a -s "-screen 0 1920x1200x24" $(BIN)/python -m pytest --doctest-modules tests/gui src/napari_wbc/gui

# A broken link or anchor ends it. Opened from the folder: site/index.html.
docs: export NO_MKDOCS_2_WARNING := 1
docs: $(VENV)/.napari-wbc-test
	$(BIN)/mkdocs build --strict

# Looks up every address outside; needs the network, so it is no part of the tests.
links: $(VENV)/.napari-wbc-test
	$(BIN)/python docs/external_links.py

# A screen of the size of the window: menus stay within it. The slide that is drawn for them is kept in build/.
screenshots: export LIBGL_ALWAYS_SOFTWARE := 1
screenshots: export QT_QPA_PLATFORM := xcb
screenshots: export QT_API := pyqt6
screenshots: system-packages $(VENV)/.napari-wbc-test
	mkdir -p build
	xvfb-run -a -s "-screen 0 1600x1000x24" $(BIN)/python docs/screenshots --scratch build

system-packages:
	@.ci/system-packages

# An environment of uv or of another tool may come without pip; it is kept and gets one.
$(VENV)/.napari-wbc-pip:
	@if [ ! -x $(BIN)/python ]; then \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
			|| { echo "napari-wbc needs Python 3.11 or newer; name one: make PYTHON=python3.12 ..." >&2; exit 1; }; \
		$(PYTHON) -m venv --without-pip $(VENV); \
	fi
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null \
		|| { echo "$(PYTHON) has no ensurepip; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.napari-wbc-demo: $(VENV)/.napari-wbc-pip pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.napari-wbc-test: $(VENV)/.napari-wbc-pip pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@ $(VENV)/.napari-wbc-demo

clean:
	rm -rf $(DEMO) build dist site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
