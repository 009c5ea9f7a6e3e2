#!/bin/sh
# Make .venv hold what requirements/<extra>.txt pins, and the hub itself; where it does already, do nothing.
# Usage, from the root: requirements/install.sh airflow|dev.     dev holds all of airflow, so it is not taken back for it.
set -eu
extra=$1
cd "$(dirname "$0")/.."

is_new_enough() { command -v "$1" >/dev/null 2>&1 && "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

find_python() {
    for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3 python; do
        if is_new_enough "$candidate"; then echo "$candidate"; return; fi
    done
    echo "需要 Python 3.11 或更新版本 · Python 3.11 or newer is needed and none is on PATH; set PYTHON=/path/to/python3.11" >&2
    exit 1
}

# The path belongs to it: an editable install of a folder that was moved points to nothing.
fingerprint() { { pwd; cat requirements/uv.txt "requirements/$1.txt" pyproject.toml; } | cksum; }

is_installed() { [ -x .venv/bin/python ] && [ "$(cat ".venv/installed-$1" 2>/dev/null)" = "$(fingerprint "$1")" ]; }

if is_installed dev || is_installed "$extra"; then exit 0; fi

echo "正在安装依赖到 .venv · installing what requirements/$extra.txt pins into .venv …" >&2
rm -f .venv/installed-*
# One that was interrupted, or whose Python is another by now, has no pip, and would not get any.
if ! is_new_enough .venv/bin/python || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    "$python" -m venv --clear .venv || {
        echo "无法建立虚拟环境 · could not make a virtual environment; on Debian: apt-get install python3-venv" >&2
        exit 1
    }
fi
.venv/bin/python -m uv --version >/dev/null 2>&1 ||
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
.venv/bin/python -m uv pip sync --quiet --python .venv/bin/python "requirements/$extra.txt"
.venv/bin/python -m uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation --editable .
fingerprint "$extra" >".venv/installed-$extra"
