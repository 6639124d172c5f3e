#!/bin/sh
# Make .venv and install what a command needs into it: set_up.sh EXTRAS STAMP
# Called by the Makefile only if pyproject.toml or constraints.txt is newer than the stamp.
set -eu
extras=$1 stamp=$2 venv=.venv

fits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

choose() {
    for name in "${PYTHON:-python3}" python3.13 python3.12 python3.11; do
        if fits "$name"; then echo "$name"; return; fi
    done
    echo "qloop needs Python 3.11, 3.12 or 3.13; '${PYTHON:-python3}' is: $("${PYTHON:-python3}" --version 2>&1 || true)" >&2
    echo "Install one of them, or name it: make PYTHON=/path/to/python3.12 ..." >&2
    exit 1
}

if ! fits "$venv/bin/python"; then
    python=$(choose)
    if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
        echo "$python comes without the modules venv and ensurepip, which make virtual environments." >&2
        echo "Install them (Debian, Ubuntu: apt install python3-venv) and try again." >&2
        exit 1
    fi
    echo "Making the virtual environment $venv with $($python --version)"
    rm -rf "$venv"
    "$python" -m venv "$venv"
fi

echo "Installing qloop[$extras] (pinned in constraints.txt)"
# The build back end is installed first and used as it is, so that it is pinned like everything else.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt hatchling editables
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
    --no-build-isolation --editable ".[$extras]"
touch "$stamp"
