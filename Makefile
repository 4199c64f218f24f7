# Everything a user or a contributor runs starts here; `make` alone explains by example.
# Needs git, make and Python >= 3.11 with venv. Each target makes the environment it needs (tools/environment.sh).

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help serve dev aws-cli test test-clients nightly lint types format model docs lock bench clean environment-core environment-dev environment-clients

python := .venv/bin/python
pytest := $(python) -m pytest
# K=words picks tests by name, ARGS=... is handed on as it stands, JOBS=n is the number of test processes
JOBS ?= 2
select := $(if $(K),-k "$(K)") $(ARGS)

help:
	@echo "Keystead speaks the AWS KMS API and runs on your own machines."
	@echo
	@echo "Use it"
	@echo "  make serve                            the server on http://127.0.0.1:4600; the first run sets everything up"
	@echo "  make serve ARGS='--help'              every option of the server; ARGS is handed on as it stands"
	@echo "  make dev                              a throw-away server for tests of yours: port 4566, credentials test/test"
	@echo "  make aws-cli                          the AWS CLI in .venv-clients, for who has none"
	@echo
	@echo "Work on it"
	@echo "  make test                             all tests that need nothing but Python, in under ten minutes on two cores"
	@echo "  make test K=policy                    only tests whose name holds 'policy'"
	@echo "  make test ARGS=tests/house            only one folder; ARGS='-x --lf' only what failed last time"
	@echo "  make test-clients                     the AWS CLI and the JavaScript SDK against a real server; a second policy evaluator"
	@echo "  make nightly                          the long runs: more examples, more races, more kills"
	@echo "  make lint types                       ruff; mypy --strict (make format mends what a tool can mend)"
	@echo "  make bench                            the benchmark; its report goes to bench/"
	@echo
	@echo "Keep it"
	@echo "  make model                            pins the AWS service models of the installed botocore, writes the types anew"
	@echo "  make docs                             writes docs/operations.md anew from the tables of the server"
	@echo "  make lock                             resolves the dependencies anew; UPGRADE=1 takes the newest that fit"
	@echo "  make clean                            removes environments and caches, never data"

# --- use ---------------------------------------------------------------------------------------------------------------------

serve: environment-core
	@exec .venv/bin/keystead serve $(ARGS)

dev: environment-core
	@exec .venv/bin/keystead dev $(ARGS)

# --- check -------------------------------------------------------------------------------------------------------------------

test: environment-dev
	@$(pytest) -n $(JOBS) --dist worksteal -m "not clients and not nightly" $(select)

test-clients: environment-dev environment-clients
	@$(pytest) -n $(JOBS) --dist worksteal -m "clients and not nightly" $(select)

nightly: environment-dev environment-clients
	@$(pytest) -n $(JOBS) --dist worksteal -m "nightly or not clients" --hypothesis-profile=nightly $(select)

lint: environment-dev
	@$(python) -m ruff check .
	@$(python) -m ruff format --check .

types: environment-dev
	@$(python) -m mypy

format: environment-dev
	@$(python) -m ruff check --fix .
	@$(python) -m ruff format .

bench: environment-dev
	@$(python) -m bench $(ARGS)

# --- keep --------------------------------------------------------------------------------------------------------------------

model: environment-dev
	@$(python) tools/model.py $(ARGS)

docs: environment-dev
	@$(python) tools/operations.py $(ARGS)

lock:
	@tools/lock.sh $(if $(UPGRADE),--upgrade)

clean:
	rm -rf .venv .venv-clients .venv-lock tests/clients/js/node_modules tests/clients/evaluator/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

aws-cli:
	@tools/environment.sh aws-cli

environment-core environment-dev environment-clients:
	@tools/environment.sh $(@:environment-%=%)
