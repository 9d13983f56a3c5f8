#!/usr/bin/env bash
# Builds the examples' guests with the C compiler of the Python package ziglang (about 80 MB, kept
# in ~/.cache/farlet). The .wasm files are committed: run this only after changing a .c file.
set -euo pipefail
cd "$(dirname "$0")"
zig="${XDG_CACHE_HOME:-$HOME/.cache}/farlet/zig"
[ -x "$zig/bin/python" ] || python3 -m venv "$zig"
"$zig/bin/python" -m ziglang version >/dev/null 2>&1 ||
  "$zig/bin/pip" install --quiet ziglang==0.15.1
for source in *.c; do
  "$zig/bin/python" -m ziglang cc -target wasm32-wasi -Os -s -Wall -Wextra \
    -o "${source%.c}.wasm" "$source"
  chmod 644 "${source%.c}.wasm"
done
