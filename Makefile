# Every command makes the virtual environment that it needs. `make` alone lists them.
PY := .venv/bin/python
# Two processes: what the smallest supported machine has.
PYTEST := $(PY) -m pytest -n 3 --dist worksteal -q
# Numerical libraries must not start threads of their own beside the test processes.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo show test test-ci test-all bench lint docs pin clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.venv/.demo: pyproject.toml constraints.txt tools/set_up.sh
	@sh tools/set_up.sh cma,plot $@

.venv/.dev: pyproject.toml constraints.txt tools/set_up.sh
	@sh tools/set_up.sh dev $@

.venv/.bench: pyproject.toml constraints.txt tools/set_up.sh
	@sh tools/set_up.sh bench,dev $@

demo: .venv/.demo ## loops of three tenants on three emulated QPUs, under two policies
	$(PY) -m qloop.cli demo

show: .venv/.demo ## run the demo and put its output into the README
	$(PY) tools/show_demo.py

test: .venv/.dev ## all tests but the long ones (minutes)
	$(PYTEST) -m "not ci and not everything"

# The long checks of these rooms take a quarter of an hour; those of the simulator's kernels are left to test-all.
LONG := engine runtime journal promises intake pilots functions planner miniapps cli examples

test-ci: .venv/.dev ## the long tests: kills, real engines, large random campaigns
	$(PYTEST) -m "ci and not everything" $(LONG:%=tests/%)

test-all: .venv/.dev ## every test
	$(PYTEST)

bench: .venv/.bench ## the benchmarks; writes benchmarks/results
	$(PY) -m benchmarks

lint: .venv/.dev ## ruff and mypy (also part of the tests)
	$(PY) -m ruff check .
	$(PY) -m mypy

docs: .venv/.dev ## write the generated pages of docs/reference anew
	$(PY) tools/make_reference.py

pin: .venv/.bench ## write constraints.txt from the environment
	$(PY) tools/pin.py

clean: ## remove the virtual environment and caches
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
