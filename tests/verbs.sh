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
    env) eval "echo \"\$$1\"" && shift ;;
    lines)
      awk -v n="$1" 'BEGIN { for (i = 1; i <= n; i++) print "line " i }' && shift
      ;;
    listen) exec nc -ll -p "$1" -e cat ;;
    *) exit 127 ;;
  esac
done
