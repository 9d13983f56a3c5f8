#!/bin/sh
# A program that understands the arguments of testProvider(), for providers that run processes.
while [ $# -gt 0 ]; do
  verb=$1
  shift
  case $verb in
    echo) echo "$1" && shift ;;
    err) echo "$1" >&2 && shift ;;
    exit) exit "$1" ;;
    sleep)
      seconds=$(echo "$1" | awk '{ print $1 / 1000 }') && shift
      # As its last deed it becomes the sleep, which is what a signal must reach.
      if [ $# -eq 0 ]; then exec sleep "$seconds"; else sleep "$seconds"; fi
      ;;
    spin) while :; do :; done ;;
    cat) if [ $# -gt 0 ]; then cat "$1" && shift; else cat; fi ;;
    write) printf %s "$2" > "$1" && shift 2 ;;
    env) printenv "$1" && shift ;;
    lines) seq -f "line %g" "$1" && shift ;;
    *) exit 127 ;;
  esac
done
