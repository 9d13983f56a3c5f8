#!/bin/sh
# A program that understands the arguments of testProvider(), for providers that run processes.
while [ $# -gt 0 ]; do
  verb=$1
  shift
  case $verb in
    echo) echo "$1" && shift ;;
    err) echo "$1" >&2 && shift ;;
    exit) exit "$1" ;;
    sleep) sleep "$(echo "$1" | awk '{ print $1 / 1000 }')" && shift ;;
    spin) while :; do :; done ;;
    cat) cat "$1" && shift ;;
    write) printf %s "$2" > "$1" && shift 2 ;;
    env) printenv "$1" && shift ;;
    lines) seq -f "line %g" "$1" && shift ;;
    *) exit 127 ;;
  esac
done
