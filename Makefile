PYTHON ?= python3
VENV = .venv/bin
# Bytecode is kept: each of the many processes of a run would compile all of ours anew.
export PYTHONDONTWRITEBYTECODE =
MANAGE = $(VENV)/python manage.py

.DEFAULT_GOAL = help
.PHONY: help run setup setup-dev names test test-full check bench dlp-eval faults mutants reset requirements sbom licences vulnerabilities docs pictures reference css fmt

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: setup ## everything on this machine, with a demo (ARGS=--no-demo: without)
	@exec $(MANAGE) up $(or $(ARGS),--demo)

setup: ## .venv, packages and CSS, as `make run` needs them
	@$(PYTHON) orbit/launcher/bootstrap.py run

setup-dev:
	@$(PYTHON) orbit/launcher/bootstrap.py test
	@$(PYTHON) orbit/launcher/bootstrap.py names

names: setup ## the model that finds names and addresses (docs/personal-data.md)
	@$(PYTHON) orbit/launcher/bootstrap.py names

test: setup-dev ## the test suite, on servers of its own (ARGS= for pytest)
	@$(VENV)/python -m pytest -m "not full" $(ARGS)

test-full: setup-dev ## what the suite leaves out to be quick
	@$(VENV)/python -m pytest -m full $(ARGS)

check: setup-dev ## style, types, import direction, migrations, requirements, one way out
	$(VENV)/ruff check --quiet .
	$(VENV)/ruff format --check --quiet .
	$(VENV)/mypy
	$(VENV)/lint-imports --no-logo
	ORBIT_SECRET_KEY=unused $(MANAGE) makemigrations --check --dry-run
	$(VENV)/python -m orbit.launcher.hygiene
	$(VENV)/python -m orbit.launcher.licences
	ORBIT_SECRET_KEY=unused $(VENV)/python -m orbit.reference
	ORBIT_SECRET_KEY=unused DJANGO_SETTINGS_MODULE=orbit.settings.dev $(VENV)/python -m orbit.launcher.expansion

bench: setup-dev ## figures for docs/performance.md
	@$(VENV)/python -m bench $(ARGS)

dlp-eval: setup-dev ## how well personal data and secrets are found, per type and language (ARGS=--misses=20)
	@$(PYTHON) orbit/launcher/bootstrap.py evaluation
	@$(PYTHON) orbit/launcher/bootstrap.py presidio
	@$(VENV)/python -m bench.dlp $(ARGS)

faults: setup-dev ## kills, cuts and crowds, each trial kept for docs/reliability.md (ARGS=--list)
	@$(VENV)/python -m faults $(ARGS)

mutants: setup-dev ## plants faults in a copy of the code: each must be caught by its tests
	@$(VENV)/python -m faults.mutants $(ARGS)

reset: setup ## throws the demo's data away (YES=1: without asking)
	@$(MANAGE) reset_demo $(if $(YES),--yes)

requirements: ## compiles requirements/*.in to hashed *.txt; needs uv
	uv pip compile --quiet --generate-hashes --no-header --no-annotate --universal --python-version 3.11 requirements/base.in --output-file requirements/base.txt
	uv pip compile --quiet --generate-hashes --no-header --no-annotate --universal --python-version 3.11 requirements/aws.in --output-file requirements/aws.txt
	uv pip compile --quiet --generate-hashes --no-header --no-annotate --universal --python-version 3.11 requirements/azure.in --output-file requirements/azure.txt
	uv pip compile --quiet --generate-hashes --no-header --no-annotate --universal --python-version 3.11 requirements/kafka.in --output-file requirements/kafka.txt
	uv pip compile --quiet --generate-hashes --no-header --no-annotate --universal --python-version 3.11 requirements/dev.in --output-file requirements/dev.txt
	uv pip compile --quiet --generate-hashes --no-header --no-annotate --universal --python-version 3.11 requirements/clients.in --output-file requirements/clients.txt
	uv pip compile --quiet --no-deps --generate-hashes --no-header --no-annotate --universal --python-version 3.11 requirements/evaluation.in --output-file requirements/evaluation.txt
	uv pip compile --quiet --generate-hashes --no-header --no-annotate --universal --python-version 3.11 requirements/audit.in --output-file requirements/audit.txt
	uv pip compile --quiet --generate-hashes --no-header --no-annotate --universal --python-version 3.11 requirements/docs.in --output-file requirements/docs.txt
	uv pip compile --quiet --no-deps --generate-hashes --no-header --no-annotate --universal --python-version 3.11 requirements/names.in --output-file requirements/names.txt
	uv pip compile --quiet --generate-hashes --no-header --no-annotate --universal --python-version 3.11 requirements/presidio.in --output-file requirements/presidio.txt

sbom: setup-dev ## the software bill of materials (CycloneDX), as sbom.json
	@$(VENV)/python -m orbit.launcher.sbom > sbom.json

licences: setup-dev ## writes docs/licences.md anew, after packages changed
	@$(VENV)/python -m orbit.launcher.licences --write

vulnerabilities: ## looks the pinned packages up; skipped with a word where no database of them can be reached
	@$(PYTHON) orbit/launcher/vulnerabilities.py

docs: setup-dev ## the documentation as a site, in build/site
	@$(PYTHON) orbit/launcher/bootstrap.py docs
	@$(VENV)/python -m orbit.launcher.site

pictures: setup ## draws docs/pictures anew
	@$(PYTHON) orbit/launcher/bootstrap.py docs
	@$(VENV)/python -m orbit.launcher.pictures

reference: setup-dev ## writes what pages take from the code anew, after it changed
	@ORBIT_SECRET_KEY=unused $(VENV)/python -m orbit.reference --write

css: setup ## the pages' CSS

fmt: setup-dev ## formats the code
	@$(VENV)/ruff check --fix --quiet .
	@$(VENV)/ruff format --quiet .
