# One-word tasks; each sets up what it needs and is quick the second time.
PYTHON ?= python3.11
BIN := .venv/bin
STUDIO := .venv-studio/bin/label-studio
STUDIO_CONSTRAINTS := integrations/labelers/label_studio/constraints.txt
PEERS_CONSTRAINTS := tests/benchmarks/constraints-peers.txt

.PHONY: help demo demo-studio test test-long coverage bench-faults bench-speed bench-efficiency bench-cost-aware bench-forecast bench-gain bench-savings bench-stop lint lock audit test-numeric format readme reference clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

# The constraints hold every version that was tested, torch's included: never install without them.
.venv/demo-installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

# On top of it, what tests, checks and every extra need.
.venv/installed: .venv/demo-installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[text,vision,server,keyring,dev]'
	@touch $@

# Label Studio's pins clash with ours: an environment of its own.
.venv-studio/installed: $(STUDIO_CONSTRAINTS)
	test -x .venv-studio/bin/python || $(PYTHON) -m venv .venv-studio
	.venv-studio/bin/python -m pip install --quiet --constraint $(STUDIO_CONSTRAINTS) label-studio
	@touch $@

# What curator is measured beside; none of it is for users of curator.
.venv-peers/installed: pyproject.toml constraints.txt $(PEERS_CONSTRAINTS)
	test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	.venv-peers/bin/python -m pip install --quiet --constraint constraints.txt torch==2.13.0
	.venv-peers/bin/python -m pip install --quiet --constraint constraints.txt --constraint $(PEERS_CONSTRAINTS) \
		--editable . apricot-select scikit-activeml small-text
	@touch $@

demo: .venv/demo-installed  ## a whole campaign on handwritten digits, known labels standing in for people
	$(BIN)/curator demo .demo/digits

demo-studio: .venv/demo-installed .venv-studio/installed  ## the same through a real Label Studio
	$(BIN)/curator demo .demo/digits-studio --rounds 6 --studio --executable $(STUDIO) $(if $(KEEP),--keep)

# Tests write a lot of small files and wait for the disk at each: in memory where there is room.
ROOM := $(shell test -w /dev/shm && df -Pm /dev/shm 2>/dev/null | awk 'NR == 2 && $$4 > 4096 {print "/dev/shm"}')
WORKERS ?= 2
# Of what is imported the compiled form is kept, or each of the hundreds of processes would compile it anew.
export PYTHONDONTWRITEBYTECODE :=
# One Label Studio for each worker; a file's tests stay together, for they share what they set up. tests/conftest.py puts
# long files first.
define run-tests
	folder=$$(mktemp -d $(or $(ROOM),/tmp)/curator-tests.XXXXXX) && trap 'rm -rf "$$folder"' EXIT && \
	TMPDIR=$$folder CURATOR_LABEL_STUDIO=$(STUDIO) $(2) $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=30 $(1)
endef

test: .venv/installed .venv-studio/installed  ## the tests, those against a real Label Studio included; WORKERS=N at once
	$(call run-tests,-m 'not long')

test-long: .venv/installed .venv-studio/installed  ## what takes longer: kills, load, benchmarks, 10,000 cases of bad input; SHORT=1 for 60
	$(call run-tests,-m 'long or fuzz' $(if $(SHORT),,--timeout=0),CURATOR_FUZZ=$(if $(SHORT),60,10000))

coverage: .venv/installed .venv-studio/installed  ## the tests once more, and which lines they run
	$(BIN)/python -m coverage erase
	$(call run-tests,-m 'not long' --cov --cov-report=term-missing:skip-covered)

# Kernels of an old processor, in every library that lets itself be told: they add up in another order.
OLD_PROCESSOR := OPENBLAS_CORETYPE=Prescott NPY_DISABLE_CPU_FEATURES='AVX2 FMA3' ATEN_CPU_CAPABILITY=default MKL_CBWR=COMPATIBLE
# Strategies, heads, money: what would show that a test or the product leans on one processor's rounding.
NUMERIC := $(addprefix tests/strategies/test_,ties.py fused.py scorers.py committee_scorers.py auto.py badge.py kmeans.py) \
	tests/curator/evidence $(addprefix tests/curator/,learner/test_head.py learner/test_calibration.py money/test_money.py money/test_verdict.py rounds/test_forecast_scores.py)

test-numeric: .venv/installed  ## the numeric tests as on a processor without AVX2
	$(OLD_PROCESSOR) $(BIN)/python -m pytest -n $(WORKERS) $(NUMERIC)

bench-faults: .venv/installed .venv-studio/installed  ## load and faults at full size against a real Label Studio; WRITE=1 puts the table into docs/measured/faults.md
	CURATOR_LABEL_STUDIO=$(STUDIO) $(BIN)/python tests/benchmarks/bench_faults.py $(PARTS) $(if $(WRITE),--write docs/measured/faults.md)

bench-speed: .venv-peers/installed  ## time and memory beside every peer; OUT=DIR keeps the rows, WRITE=1 puts the tables into docs/measured/performance.md
	.venv-peers/bin/python tests/benchmarks/bench_speed.py $(if $(ONLY),--only '$(ONLY)') $(if $(SIZES),--sizes $(SIZES)) $(if $(SMALL),--small) $(if $(OUT),--out '$(OUT)') $(if $(WRITE),--write docs/measured/performance.md)

bench-efficiency: .venv-peers/installed  ## labels that strategies and peers need; DATA=DIR SEEDS=10 OUT=DIR, WRITE=1 puts the tables into docs/measured/label-efficiency.md
	.venv-peers/bin/python tests/benchmarks/bench_efficiency.py $(if $(DATA),--data '$(DATA)') $(if $(SEEDS),--seeds $(SEEDS)) $(if $(ONLY),--only '$(ONLY)') --out '$(or $(OUT),build/efficiency)' $(if $(WRITE),--write docs/measured/label-efficiency.md)

bench-cost-aware: .venv/installed  ## dollars that cost_aware saves on texts of unequal length; DATA=DIR of sets, SEEDS=20 SETS=a,b OUT=DIR
	$(BIN)/python tests/benchmarks/bench_cost_aware.py --data '$(DATA)' $(if $(SEEDS),--seeds $(SEEDS)) $(if $(SETS),--sets '$(SETS)') --out '$(or $(OUT),build/cost-aware)'

bench-forecast: .venv/installed  ## back-test of forecasts on learning curves; CURVES=FILE, WRITE=1 puts the tables into docs/measured/forecast.md
	$(BIN)/python tests/benchmarks/bench_forecast.py '$(CURVES)' $(if $(WRITE),--write docs/measured/forecast.md)

bench-gain: .venv/installed  ## how often the interval of a gain holds the truth; DATA=DIR SEEDS=3 OUT=DIR, WRITE=1 puts the tables into docs/measured/gain.md
	$(BIN)/python tests/benchmarks/bench_gain.py $(if $(DATA),--data '$(DATA)') $(if $(SEEDS),--seeds $(SEEDS)) $(if $(DRAWS),--draws $(DRAWS)) $(if $(KINDS),--kinds $(KINDS)) --out '$(or $(OUT),build/gain)' $(if $(WRITE),--write docs/measured/gain.md)

bench-savings: .venv/installed  ## whether stated savings against random labels are true; DATA=DIR SEEDS=2 OUT=DIR, WRITE=1 puts the tables into docs/measured/savings.md
	$(BIN)/python tests/benchmarks/bench_savings.py $(if $(DATA),--data '$(DATA)') $(if $(SEEDS),--seeds $(SEEDS)) $(if $(ONLY),--only '$(ONLY)') --out '$(or $(OUT),build/savings)' $(if $(WRITE),--write docs/measured/savings.md)

bench-stop: .venv/installed  ## what stopping where the verdict says costs; DATA=DIR SEEDS=5 OUT=DIR, WRITE=1 puts the tables into docs/measured/stop.md
	$(BIN)/python tests/benchmarks/bench_stop.py $(if $(DATA),--data '$(DATA)') $(if $(SEEDS),--seeds $(SEEDS)) --out '$(or $(OUT),build/stop)' $(if $(WRITE),--write docs/measured/stop.md)

lint: .venv/installed  ## ruff and mypy, as CI runs them
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

lock:  ## requirements.txt anew: the versions of constraints.txt with the hash of every file, for pip install --require-hashes
	test -x .venv-lock/bin/uv || $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet uv==0.13.9
	.venv-lock/bin/uv pip compile pyproject.toml --constraint constraints.txt --quiet --universal --python-version 3.11 \
		--extra text --extra vision --extra server --extra keyring --extra dev --no-emit-package pip \
		--generate-hashes --no-annotate --custom-compile-command 'make lock' --output-file requirements.txt
	sed -i.old -E "s/python_full_version < '3\.12' and //; s/ ; python_full_version < '3\.12' / /" requirements.txt
	rm requirements.txt.old

audit: .venv/installed  ## look the pinned versions up in databases of known vulnerabilities
	$(BIN)/python tests/support/audit.py $(AUDIT)

format: .venv/installed  ## fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

readme: .venv/installed reference  ## put real command output back into README.md and docs/
	$(BIN)/python tests/support/readme.py

reference: .venv/installed  ## docs/reference anew: commands, settings and Python, from help texts, descriptions and docstrings
	PYTHONPATH=.:tests $(BIN)/python tests/support/reference.py
	$(BIN)/python tests/support/settings_page.py

clean:  ## remove demos and caches, keep the environments
	test ! -d .demo/label-studio || $(BIN)/curator studio down --home .demo/label-studio
	rm -rf .demo .studio .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
