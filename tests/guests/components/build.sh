#!/bin/sh
# Builds the components of the tests, and prints their sizes. Run ../build.sh first: it installs the
# tools and builds the modules that two of these components are made of.
# Needs npm and, the first time, network: the adapter from WASI preview 1 goes to ~/.cache.
set -eu
cd "$(dirname "$0")"
tools="$HOME/.cache/farlet-guests"
adapter="$tools/package/lib/wasi_snapshot_preview1.command.wasm"
if [ ! -f "$adapter" ]; then
  archive=$(cd "$tools" && npm pack --silent @bytecodealliance/jco@1.35.0)
  tar -xzf "$tools/$archive" -C "$tools" package/lib
  rm "$tools/$archive"
fi
wasm_tools="$tools/bin/wasm-tools"
module=$(mktemp)
trap 'rm -f "$module"' EXIT
for source in *.wat; do
  name=${source%.wat}
  "$wasm_tools" parse "$source" -o "$module"
  # Some are components already.
  if grep -q '^(component' "$source"; then
    cp "$module" "$name.wasm"
    continue
  fi
  "$wasm_tools" component embed worlds.wit --world "farlet:tests/$name" "$module" -o "$module"
  "$wasm_tools" component new "$module" -o "$name.wasm"
done
for name in guest files attacks; do
  "$wasm_tools" component new "../$name.wasm" --adapt "wasi_snapshot_preview1=$adapter" -o "$name.wasm"
done
wc -c ./*.wasm
