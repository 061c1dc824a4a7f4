# The commands of the README: make run, make test; for contributors: make check, make audit, make soak, make fuzz, make bench,
# make eval, make pictures, make lock.
# GPU=cuda, metal or vulkan compiles llama.cpp for a GPU, and that stays until another is named (GPU=none: the CPU).
# PORT=7861 serves the page elsewhere; without it the settings say where.

# The first Python that runs and is new enough; otherwise any, so that `preflight` can say what is wrong with it.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v $$p && break; \
	done || command -v python3)
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
NEED_GB := 6

GPU_FLAG_cuda   := -DGGML_CUDA=on
GPU_FLAG_metal  := -DGGML_METAL=on
GPU_FLAG_vulkan := -DGGML_VULKAN=on
GPU_FLAG_none   := $(if $(filter Darwin,$(shell uname)),-DGGML_METAL=off)# by itself llama.cpp takes Metal on every Mac
BACKEND := $(or $(GPU),$(firstword $(patsubst $(VENV)/.gpu-%,%,$(wildcard $(VENV)/.gpu-*))),none)
GPU_FLAG := $(GPU_FLAG_$(BACKEND))
LLAMA_FLAGS := $(strip $(CMAKE_ARGS) $(GPU_FLAG))

# The Python that runs in the environment now; after an upgrade of the system, not the one it was made with.
PRINT_VERSION := import sys; print("%d.%d" % sys.version_info[:2])
MADE  := $(VENV)/.made-$(or $(shell $(BIN)/python -c '$(PRINT_VERSION)' 2>/dev/null),never)
BUILT := $(and $(wildcard $(MADE)),$(wildcard $(VENV)/.gpu-$(BACKEND)))
READY := $(and $(wildcard $(MADE)),$(wildcard $(VENV)/.installed))

# Without PORT, only the settings know the port, and they can be read once Citebot is installed: `bot chat` looks then.
EARLY_PORT := $(or $(PORT),$(if $(READY),,$(or $(BOT_CHAT_PORT),7860)))

.PHONY: run test soak fuzz check audit bench eval pictures lock install preflight port clean
.DELETE_ON_ERROR:

run: preflight port install
	@$(BIN)/bot models pull
	@$(BIN)/bot ingest --samples
	@$(BIN)/bot chat $(if $(PORT),--port $(PORT))

# Two files at a time, where there are two processors; ARGS="-n 0" for one.
test: $(VENV)/.dev chromium
	@$(BIN)/bot models pull
	@$(BIN)/bot models pull smollm2-135m-instruct
	$(BIN)/python -m pytest -n auto --maxprocesses 2 --dist loadfile --no-loadscope-reorder $(ARGS)

# The tests that have a long form, in that form: kills at many moments, many users, many inputs.
soak: $(VENV)/.dev chromium
	@$(BIN)/bot models pull
	@$(BIN)/bot models pull smollm2-135m-instruct
	BOT_SOAK=1 $(BIN)/python -m pytest -m "soak or rounds or hypothesis" $(ARGS)

# Inputs that nobody thought of, for MINUTES (2) for each parser or for those of ARGS: docs/inputs.md.
fuzz: $(VENV)/.dev
	@$(PIP) install -q "atheris>=3,<4"
	$(BIN)/python bench/fuzz.py --minutes $(or $(MINUTES),2) $(ARGS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/bandit -q -c pyproject.toml -r bot bench

# Known vulnerabilities of what the lock files name: asked of a service in the network, so not a part of `make check`,
# whose answer must not change from day to day. pip-audit and what it needs stay in a folder of uv's own.
audit: $(VENV)/.dev
	$(BIN)/uv tool run pip-audit --require-hashes --disable-pip -r requirements.lock
	$(BIN)/uv tool run pip-audit --require-hashes --disable-pip -r requirements-dev.lock

# Some ten minutes, on a machine that does nothing else.
bench: $(VENV)/.dev
	@$(BIN)/bot models pull
	$(BIN)/python bench/speed.py --write docs/performance.md $(ARGS)

# Hours, and on with the first question without an answer if broken off. DATA has the sets; without them it says so.
DATA ?= ../shared/data
eval: $(VENV)/.dev
	@$(BIN)/bot models pull
	$(BIN)/python bench/results.py --data $(DATA) --write docs/results.md $(ARGS)

# The page at desktop and phone width, dark and light: docs/page-*.png.
pictures: $(VENV)/.dev
	@$(BIN)/bot models pull
	$(BIN)/python bench/pictures.py

install: $(VENV)/.installed

# Exact versions, with the sums of every file; no index is named, so pip's own settings decide where they come from.
lock: $(VENV)/.dev
	$(BIN)/uv pip compile -q pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate \
		--no-header -o requirements.lock
	$(BIN)/uv pip compile -q pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header -c requirements.lock -o requirements-dev.lock

clean:
	rm -rf $(VENV) build dist

# What can be wrong with the machine, each in one line that says what to do. Only looked at before an install.
preflight:
	@test -n "$(filter none cuda metal vulkan,$(BACKEND))" || { echo "GPU=$(BACKEND) is not known. Use GPU=cuda, GPU=metal, GPU=vulkan or GPU=none." >&2; exit 1; }
	@test -n "$(BUILT)" || case "$(BACKEND)" in \
	cuda) command -v "$${CUDACXX:-nvcc}" >/dev/null || { echo "GPU=cuda needs the CUDA toolkit, and its nvcc is not on the PATH. Install the toolkit, or add its bin folder to the PATH." >&2; exit 1; };; \
	vulkan) command -v glslc >/dev/null || { echo "GPU=vulkan needs glslc, which is not on the PATH. Install it (Debian: apt-get install libvulkan-dev glslc)." >&2; exit 1; };; \
	metal) test "$$(uname)" = Darwin || { echo "GPU=metal needs a Mac. Use GPU=cuda or GPU=vulkan here, or none." >&2; exit 1; };; \
	esac
	@test -n "$(READY)" || { \
	test -n "$(PYTHON)" || { echo "Python is missing. Install 3.11 or newer (Debian: apt-get install python3 python3-venv)." >&2; exit 1; }; \
	"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$$("$(PYTHON)" --version 2>&1) is too old. Install Python 3.11 or newer, or name one: make run PYTHON=/path/to/python3.11" >&2; exit 1; }; \
	"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing. Install it (Debian: apt-get install python3-venv)." >&2; exit 1; }; \
	command -v c++ >/dev/null || command -v g++ >/dev/null || command -v clang++ >/dev/null || { echo "A C++ compiler is missing; llama.cpp is compiled here. Install one (Debian: apt-get install build-essential; macOS: xcode-select --install)." >&2; exit 1; }; \
	free=$$(df -Pk . | awk 'NR == 2 { print int($$4 / 1048576) }'); test "$$free" -ge $(NEED_GB) || { echo "The disk is nearly full: $$free GB are free here and the environment with its models takes $(NEED_GB). Free some, or clone to another disk." >&2; exit 1; }; }

port:
	@test -z "$(EARLY_PORT)" || { \
	{ test "$(EARLY_PORT)" -ge 1 && test "$(EARLY_PORT)" -le 65535; } 2>/dev/null || { echo "$(EARLY_PORT) is not a port. Take a number up to 65535: make run PORT=7861" >&2; exit 1; }; \
	"$(PYTHON)" -c 'import socket, sys; s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", int(sys.argv[1])))' $(EARLY_PORT) 2>/dev/null \
		|| { echo "Port $(EARLY_PORT) is in use or not allowed. Stop the program that uses it, or take another: make run PORT=7861" >&2; exit 1; }; }

# The stamp comes last: an environment without it was broken off, or is of another Python, and is made anew.
$(MADE): | preflight
	@echo "Making the environment in $(VENV) …"
	@"$(PYTHON)" -m venv --clear $(VENV)
	@touch $(VENV)/.made-$$($(BIN)/python -c '$(PRINT_VERSION)')

# llama.cpp by itself, as it alone is compiled again for another GPU. pip's cache does not know what a wheel was
# compiled for: only those for the plain CPU may come from there. Without AMX, with which its weights laid out anew may
# end the process (docs/experiments.md, Layouts of the weights), where the processor has it and the compiler knows it.
CPUINFO := /proc/cpuinfo
$(VENV)/.gpu-$(BACKEND): requirements.lock $(MADE)
	@echo "Installing; llama.cpp is compiled here, which takes several minutes the first time …"
	@sed -n '/^llama-cpp-python==/,/[^\\]$$/p' requirements.lock > $(VENV)/llama.lock
	@amx=$$(awk '/^flags.* amx_int8/ { print "-mno-amx-int8"; exit }' $(CPUINFO) 2>/dev/null); \
	for compiler in "$${CC:-cc}" "$${CXX:-c++}"; do \
		test -z "$$amx" || $$compiler $$amx -E -x c++ /dev/null >/dev/null 2>&1 || amx=; done; \
	CFLAGS="$$CFLAGS $$amx" CXXFLAGS="$$CXXFLAGS $$amx" CMAKE_ARGS="$(LLAMA_FLAGS)" \
		$(PIP) install --require-hashes --no-deps $(if $(BUILT),,--force-reinstall) \
		$(if $(LLAMA_FLAGS),--no-cache-dir) -r $(VENV)/llama.lock
	@rm -f $(VENV)/.gpu-*
	@touch $@

$(VENV)/.installed: requirements.lock pyproject.toml $(MADE) $(VENV)/.gpu-$(BACKEND)
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install -q --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.installed
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@

# The page is tested in a real browser. As root on Debian it is installed; elsewhere its tests say what they miss.
.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || test "$$(id -u)" != 0 || ! command -v apt-get >/dev/null || \
		{ echo "Installing Chromium for the tests of the page …"; \
		apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -qy chromium fonts-dejavu-core >/dev/null; }
