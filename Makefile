# The commands of the project; each is one line of the README. `make setup` is called by all others.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CLIENTS_JS := tests/clients-js
export PYTHONDONTWRITEBYTECODE = 1

.PHONY: setup run check test test-setup lock bench fuzz clean

setup: $(VENV)/.ready  ## .venv with everything, nothing run

$(VENV)/.ready: requirements-dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

run: setup  ## a demo gateway with simulated sensors, data in ./.weir
	$(BIN)/python -m firmware_sim.demo

check: setup  ## format, lint, types, import graph
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q -p no:cacheprovider tests/test_house.py

test-setup: setup
	tests/debian-packages.sh
	@$(MAKE) --silent $(CLIENTS_JS)/node_modules/.ready

# Real MQTT clients in JavaScript; what is there and newer than the lock file is kept.
$(CLIENTS_JS)/node_modules/.ready: $(CLIENTS_JS)/package-lock.json $(CLIENTS_JS)/package.json
	cd $(CLIENTS_JS) && npm ci --loglevel=error
	touch $@

test: check test-setup  ## everything CI runs
	$(BIN)/pytest -q -n 4 --dist loadgroup tests

bench: test-setup  ## the table of benchmarks/: ratios to Mosquitto and to bare SQLite
	$(BIN)/python -m benchmarks

# Each for so many seconds. CPython 3.11 on x86-64 Linux only: there are no other wheels of atheris.
FUZZ_SECONDS ?= 60
FUZZ_OPTIONS = -max_total_time=$(FUZZ_SECONDS) -max_len=4096 -artifact_prefix=$(VENV)/fuzz/

fuzz: setup  ## fuzz the MQTT codec and whole connections, guided by coverage
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes \
	    -r tests/fuzz/requirements.txt
	$(BIN)/python -m tests.fuzz.fuzz_codec $(VENV)/fuzz/codec $(FUZZ_OPTIONS)
	$(BIN)/python -m tests.fuzz.fuzz_connection $(VENV)/fuzz/connection $(FUZZ_OPTIONS)

lock: setup  ## write the lock files anew from pyproject.toml
	$(BIN)/pip install --quiet uv
	$(BIN)/uv pip compile -q pyproject.toml --extra speed --universal --python-version 3.11 \
	    --generate-hashes --no-header --no-emit-index-url --no-annotate -o requirements.lock
	$(BIN)/uv pip compile -q pyproject.toml --group dev --extra speed --extra sim --universal \
	    --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate \
	    -o requirements-dev.lock

clean:
	rm -rf $(VENV) $(CLIENTS_JS)/node_modules .weir .mypy_cache .ruff_cache .pytest_cache dist
