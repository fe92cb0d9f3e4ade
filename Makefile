# Each line is a command a person could type. `make train` and `make test` work on a fresh Debian or
# Ubuntu machine with Rust and a C compiler; elsewhere the data set is downloaded, and a Vulkan
# driver, Chromium and Python 3 must be there for the tests.

DATA  = /usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz
CACHE = $(HOME)/.cache/fashion-mnist/train-images-idx3-ubyte
SUDO  = $(shell [ "$$(id -u)" = 0 ] || echo sudo)
export TRAINER_PYTHON ?= $(HOME)/.cache/trainer-python

.PHONY: train test interop mlflow setup-data setup-vulkan setup-chromium setup-python fmt lint docs readme bench instructions microbench setup-valgrind torture fuzz deny

# The tutorial: train, evaluate, save, draw.
train: setup-data
	cargo run -p trainer

# Everything: units, records, the binary on the real data, wgpu on a real adapter, the page of a run in a
# real browser, our files in other programs.
test: setup-data setup-vulkan setup-chromium setup-python
	cargo test --workspace

# The data set, where the distribution has it; otherwise the program downloads it.
setup-data:
	@if [ ! -e $(DATA) ] && [ ! -e $(CACHE) ] && command -v apt-get >/dev/null; then \
		echo "installing the package dataset-fashion-mnist"; \
		{ $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq dataset-fashion-mnist >/dev/null; } \
			|| echo "not installed: the program will download the data set"; \
	fi

# Vulkan in software: the tests then run wgpu on any machine.
setup-vulkan:
	@if ! ls /usr/share/vulkan/icd.d/lvp_icd.*.json >/dev/null 2>&1 && command -v apt-get >/dev/null; then \
		echo "installing the package mesa-vulkan-drivers"; \
		{ $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq mesa-vulkan-drivers >/dev/null; } \
			|| echo "not installed: the tests of wgpu need another Vulkan driver"; \
	fi

# A browser: the tests open the page of a run in it.
setup-chromium:
	@if ! command -v chromium >/dev/null && command -v apt-get >/dev/null; then \
		echo "installing the package chromium"; \
		{ $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq --no-install-recommends chromium >/dev/null; } \
			|| echo "not installed: the tests of the page of a run need Chromium"; \
	fi

# The Python packages that the tests compare with, 215 MB. TRAINER_PYTHON is where.
setup-python:
	@scripts/interop/setup "$(TRAINER_PYTHON)" requirements.txt

# Counts instructions.
setup-valgrind:
	@if ! command -v valgrind >/dev/null && command -v apt-get >/dev/null; then \
		echo "installing the package valgrind"; \
		$(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq valgrind >/dev/null; \
	fi

fmt:
	cargo fmt --all --check

lint:
	cargo clippy --workspace --all-targets -- -D warnings

docs:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

# Instructions of a training step, counted, against their limits.
instructions: setup-data setup-valgrind
	scripts/instructions

# Parts of a training step and whole ones, timed.
microbench:
	cargo bench --workspace --profile dev --bench burn_step --bench step

# Every command of the README, as it stands there.
readme:
	scripts/readme-commands

# Side by side with JAX, NumPy, PyTorch and Keras; writes the tables of docs/performance.md.
bench:
	python3 scripts/bench/run.py

# Every way between this program, PyTorch and Keras, on all test images; writes docs/interop.md. The
# environment is large (5 GB with PyTorch's default build): INTEROP_PYTHON is where.
INTEROP_PYTHON ?= $(HOME)/.cache/trainer-interop
interop: setup-data
	@scripts/interop/setup "$(INTEROP_PYTHON)" requirements-frameworks.txt
	cargo build -p trainer
	"$(INTEROP_PYTHON)/bin/python" scripts/interop/run.py

# A run copied to a real MLflow server (850 MB of Python packages) and read back.
MLFLOW_PYTHON ?= $(HOME)/.cache/trainer-mlflow
mlflow: setup-data
	@scripts/interop/setup "$(MLFLOW_PYTHON)" requirements-mlflow.txt
	cargo build --workspace
	"$(MLFLOW_PYTHON)/bin/python" scripts/interop/mlflow_copy.py "$${CARGO_TARGET_DIR:-target}/debug/trainer"

# Kills, signals, full disks, many epochs: no run is lost. `scripts/torture --quick` is a tenth of it.
torture:
	@if ! command -v strace >/dev/null && command -v apt-get >/dev/null; then \
		echo "installing the package strace"; \
		$(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq strace >/dev/null; \
	fi
	scripts/torture

# Two million inputs for each reader of what comes from outside (cargo-fuzz); some 40 minutes.
fuzz:
	scripts/fuzz

# Licences, sources and known defects of all dependencies (cargo-deny).
deny:
	scripts/deny
