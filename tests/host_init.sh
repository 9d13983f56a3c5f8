# Read by the bash that becomes a test host's first process ($BASH_ENV). Podman takes a lock for each
# container from /dev/shm; in the machine's own, those of hosts that are gone would never be free again.
if [ "${1-}" = _init ]; then mount -t tmpfs -o mode=1777 tmpfs /dev/shm; fi
