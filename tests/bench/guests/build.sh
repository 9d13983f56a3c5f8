#!/bin/sh
# Builds the programs of the benchmark. Needs ziglang, as ../../guests/build.sh installs it.
set -eu
cd "$(dirname "$0")"
zig="${ZIG:-$HOME/.cache/farlet-guests/bin/python -m ziglang}"
for name in fib sha256 bodies; do
  $zig cc -target wasm32-wasi -O2 -s "$name.c" -o "$name.wasm"
done
wc -c ./*.wasm
