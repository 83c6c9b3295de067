# Two commands do the job: `make launch` and `make test`. Each sets itself up in .venv, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
WORKERS = $(shell $(BIN)/python -c "import os; print((os.cpu_count() or 1) + 1)")
LOCKED := --universal --python-version 3.11 --generate-hashes --no-header --no-annotate

.PHONY: launch test lint bench chaos format lock simulate mutants

launch: $(STAMP)
	@$(BIN)/overwatch-tui launch

test: $(STAMP)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup $(ARGS)

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(STAMP)
	@$(BIN)/python benchmarks/start_up.py
	@$(BIN)/python benchmarks/mcp_calls.py

chaos: $(STAMP)
	@$(BIN)/python tests/chaos/campaign.py $(ARGS)

simulate: $(STAMP)
	@PYTHONPATH=. $(BIN)/python benchmarks/gate_simulation.py $(SEED)

mutants: $(STAMP)
	@$(BIN)/python scripts/mutants.py $(ARGS)

format: $(STAMP)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock:
	uv pip compile pyproject.toml --group dev $(LOCKED) -o requirements.txt
	uv pip compile pyproject.toml $(LOCKED) -c requirements.txt -o infra/docker/overwatch.txt
	uv pip compile infra/docker/demo.in $(LOCKED) -c requirements.txt -o infra/docker/demo.txt
	uv pip compile infra/docker/build.in $(LOCKED) -o infra/docker/build.txt

$(STAMP): requirements.txt pyproject.toml scripts/install
	@PYTHON="$(PYTHON)" sh scripts/install "$(VENV)"
	@touch $(STAMP)
