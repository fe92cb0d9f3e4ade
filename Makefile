# Each line is a command you could type. `make train` and `make test` work on a fresh Debian or
# Ubuntu machine with Rust and a C compiler; elsewhere the data set is downloaded, and a Vulkan
# driver, Chromium and Python 3 must be there for the tests.

DATA  = /usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz
CACHE = $(HOME)/.cache/fashion-mnist/train-images-idx3-ubyte
export TRAINER_PYTHON ?= $(HOME)/.cache/trainer-python
INTEROP_PYTHON ?= $(HOME)/.cache/trainer-interop
MLFLOW_PYTHON ?= $(HOME)/.cache/trainer-mlflow
TOMBI_PYTHON ?= $(HOME)/.cache/trainer-tombi
MDBOOK ?= $(HOME)/.cache/trainer-mdbook

.PHONY: help train test ci fmt configs lint docs readme tutorial book deny bench instructions microbench torture fuzz soundness mutants \
	interop mlflow \
	wasm setup-data setup-vulkan setup-chromium setup-python setup-valgrind setup-strace setup-node

# The text of `make help` is the comments here that begin with two hashes.
## List these targets (the default)
help:
	@awk '/^## / { text = substr($$0, 4) } /^[a-z-]+:/ { sub(/:.*/, ""); printf "make %-16s%s\n", $$0, text }' Makefile

## Train the tutorial: train, evaluate, save, draw (without make: cargo run -p trainer)
train: setup-data
	cargo run -p trainer

# Units, records, the binary on the real data, wgpu on a real adapter, the page of a run in a real browser,
# our files in other programs.
## Run all tests
test: setup-data setup-vulkan setup-chromium setup-python
	cargo test --workspace

## Check everything that must hold before a change is merged
ci:
	.ci/run

## Check the formatting
fmt:
	cargo fmt --all --check

## Check the configs against their schema, as an editor does (tombi, 45 MB)
configs:
	@scripts/interop/setup "$(TOMBI_PYTHON)" requirements-tombi.txt
	scripts/configs "$(TOMBI_PYTHON)/bin/tombi"

## Run Clippy; warnings are errors
lint:
	cargo clippy --workspace --all-targets -- -D warnings

## Build the documentation; warnings are errors
docs:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

## Run every command in the README
readme:
	scripts/readme-commands

## Run every command in the tutorial, in both languages, and compare what is printed with the chapters
tutorial: setup-data
	scripts/tutorial check

## Build the tutorial's two books as HTML (mdbook, compiled once, in MDBOOK)
book:
	scripts/book "$(MDBOOK)"

## Check licences, sources and security advisories of all dependencies (cargo-deny)
deny:
	scripts/deny

## Measure side by side with JAX, NumPy, PyTorch and Keras; writes docs/performance.md (40 minutes, 8 GB)
bench:
	python3 scripts/bench/run.py

## Count the instructions of a training step and compare them with limits
instructions: setup-data setup-valgrind
	scripts/instructions

## Time whole training steps and their parts
microbench:
	cargo bench --workspace --profile dev --bench burn_step --bench step

# `scripts/torture --quick` runs a tenth of it.
## Kill, stop and starve runs, and check that none is lost
torture: setup-strace
	scripts/torture

## Feed two million inputs to each reader of external files (cargo-fuzz; about 40 minutes)
fuzz:
	scripts/fuzz

# Miri also as for a machine of 32 bits. `scripts/soundness` says which tools it has not found.
## Look for undefined behaviour in the crate with `unsafe`: Miri, sanitizers, Valgrind (half an hour)
soundness: setup-valgrind
	scripts/soundness

## Change the kernels and the model in small ways, and see that a test notices (cargo-mutants; some hours)
mutants:
	scripts/mutants

# Every conversion between this program, PyTorch and Keras, on all test images. The environment is large with
# PyTorch's default build; INTEROP_PYTHON sets its folder.
## Exchange networks with PyTorch and Keras; writes docs/interop.md (5 GB of Python packages)
interop: setup-data
	@scripts/interop/setup "$(INTEROP_PYTHON)" requirements-frameworks.txt
	cargo build -p trainer
	"$(INTEROP_PYTHON)/bin/python" scripts/interop/run.py

## Copy a run to a real MLflow server and read it back (850 MB of Python packages)
mlflow: setup-data
	@scripts/interop/setup "$(MLFLOW_PYTHON)" requirements-mlflow.txt
	cargo build --workspace
	"$(MLFLOW_PYTHON)/bin/python" scripts/interop/mlflow_copy.py "$${CARGO_TARGET_DIR:-target}/debug/trainer"

# If rustup has no target wasm32-unknown-unknown, Debian's packages of a Rust that can build it are unpacked (not
# installed) into TRAINER_WASM.
## Build inference for WebAssembly and compare it with the command line (880 MB)
wasm: setup-data setup-node
	scripts/wasm/check

## Install the data set's package, if the distribution has one
setup-data:
	@[ -e $(DATA) ] || [ -e $(CACHE) ] || scripts/install dataset-fashion-mnist \
		"the images of Fashion-MNIST, 30 MB" "the program downloads them itself (cargo run -p trainer)"

## Install a software Vulkan driver, so that the tests can run wgpu on any machine
setup-vulkan:
	@ls /usr/share/vulkan/icd.d/lvp_icd.*.json >/dev/null 2>&1 || scripts/install mesa-vulkan-drivers \
		"a software Vulkan driver, for the wgpu tests" "these tests need another Vulkan driver, or fail"

## Install Chromium, in which the tests open the page of a run
setup-chromium:
	@command -v chromium >/dev/null || scripts/install chromium \
		"a browser, for the tests of a run's page" "these tests fail"

## Install the Python packages that the tests compare with (215 MB, in TRAINER_PYTHON)
setup-python:
	@scripts/interop/setup "$(TRAINER_PYTHON)" requirements.txt

## Install Valgrind, which counts instructions
setup-valgrind:
	@command -v valgrind >/dev/null || scripts/install valgrind \
		"it counts instructions" "make instructions fails"

## Install strace, which makes system calls fail
setup-strace:
	@command -v strace >/dev/null || scripts/install strace \
		"it makes system calls fail" "make torture fails"

## Install Node.js, which runs WebAssembly
setup-node:
	@command -v node >/dev/null || scripts/install nodejs \
		"it runs WebAssembly" "make wasm fails"
