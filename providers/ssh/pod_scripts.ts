/**
 * Makes farlet's directories on a host and says what the host is like, as `name=value` lines
 * followed by the host's own `resolv.conf` and `hosts`.
 *
 * Arguments: the name of the node, the root (or nothing for the usual place).
 */
export const layoutScript = `
node=$1 root=$2 user=$(id -u)
if [ -z "$root" ]; then
  if [ "$user" = 0 ]; then
    root=/var/lib/farlet
  else
    if [ -z "\${HOME:-}" ]; then complain "the user has no home directory"; fi
    root=\${XDG_DATA_HOME:-$HOME/.local/share}/farlet
  fi
fi
case $root in /?*) ;; *) complain "the root is not an absolute path: $root" ;; esac
# The kernel writes others differently where it says what is mounted: what is below would be deleted.
check_root() {
  case $root in *[!-A-Za-z0-9/._@+,=]*) complain "the root has unusual characters: $root" ;; esac
}
check_root
mkdir -p "$root/$node/pods"
root=$(readlink -f "$root")
check_root
chmod 0700 "$root" "$root/$node" "$root/$node/pods"
label "$root/$node/pods"
if command -v flock >/dev/null 2>&1; then exec 8>"$root/$node/lock" && flock 8; fi
if ! [ -s "$root/$node/key" ]; then
  head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \\n' >"$root/$node/.key"
  mv -f "$root/$node/.key" "$root/$node/key"
fi
mounts=no
if [ "$user" = 0 ]; then
  mkdir -p "$root/$node/probe"
  if mount -t tmpfs -o mode=0700,size=4k farlet "$root/$node/probe" 2>/dev/null; then
    mounts=yes
    umount "$root/$node/probe"
  fi
  rmdir "$root/$node/probe" || :
fi
resolv_conf=/etc/resolv.conf
# The stub of systemd-resolved answers on the host's own loopback only.
if [ -r /run/systemd/resolve/resolv.conf ] &&
  [ "$(awk '$1 == "nameserver" { print $2 }' /etc/resolv.conf 2>/dev/null)" = 127.0.0.53 ]; then
  resolv_conf=/run/systemd/resolve/resolv.conf
fi
printf '%s\\n' "directory=$root/$node" "user=$user" "mounts=$mounts" \\
  "boot=$(cat /proc/sys/kernel/random/boot_id)" "key=$(cat "$root/$node/key")"
echo '=== resolv.conf'
cat "$resolv_conf" 2>/dev/null || :
echo '=== hosts'
cat /etc/hosts 2>/dev/null || :
`;

/**
 * Writes files of a sandbox in place: containers that run see the new content.
 *
 * Arguments: the pod's directory. The archive on standard input has the files and `..complete`.
 */
export const writeSandboxScript = `
pod=$1
enter_pod "$pod"
mkdir -p "$pod/etc"
rm -rf "$pod/etc.new"
mkdir "$pod/etc.new"
(umask 000 && tar -xmpf - -C "$pod/etc.new")
[ -f "$pod/etc.new/..complete" ] || complain "the content did not arrive completely"
for file in "$pod/etc.new"/*; do
  old=$pod/etc/\${file##*/}
  if ! cmp -s "$file" "$old"; then cat "$file" >"$old"; fi
  chmod 0644 "$old"
done
rm -rf "$pod/etc.new"
`;

/** Makes an empty file that all may write to, and its directory. Arguments: the pod's directory, the file below it. */
export const terminationLogScript = `
pod=$1 file=$1/$2
enter_pod "$pod"
mkdir -p "\${file%/*}"
if ! [ -e "$file" ]; then : >"$file.new" && chmod 0666 "$file.new" && mv -f "$file.new" "$file"; fi
`;

/** The end of a file, nothing if there is none. Arguments: the file, how many bytes. */
export const readEndScript = `
if [ -f "$1" ] && ! [ -L "$1" ]; then tail -c "$2" "$1"; fi
`;

/**
 * Makes a private directory for sockets and prints its path: in memory where there is a place.
 *
 * Arguments: farlet's directory, a short name that no other one has.
 */
export const runDirectoryScript = `
if [ "$(id -u)" = 0 ] && [ -d /run ] && [ -w /run ]; then
  run=/run/farlet
elif [ -n "\${XDG_RUNTIME_DIR:-}" ] && [ -w "$XDG_RUNTIME_DIR" ]; then
  run=$XDG_RUNTIME_DIR/farlet
else
  run=\${1%/*}/run
fi
mkdir -p "$run/$2"
chmod 0700 "$run" "$run/$2"
label "$run/$2"
printf '%s\\n' "$run/$2"
`;

/** What the volumes of a pod are, one a line after their names. Arguments: the pod's directory. */
export const listVolumesScript = `
for meta in "$1"/meta/*; do
  if [ -f "$meta" ]; then printf '%s ' "\${meta##*/}" && cat "$meta"; fi
done
`;

/** Prints the names of the directories in one. Arguments: the directory. */
export const listPodsScript = `
for pod in "$1"/*; do
  if [ -d "$pod" ]; then printf '%s\\n' "\${pod##*/}"; fi
done
`;

/** Removes a node's directory `$1` and that of its sockets `$2`, and the directory above if nothing is left in it. */
export const removeAllScript = `
directory=$1 sockets=$2
case $directory in /*/*) ;; *) complain "this is no directory of a node: $directory" ;; esac
case $sockets in /*/*) ;; *) complain "this is no directory of sockets: $sockets" ;; esac
if awk -v at="$directory/" 'index($5 "/", at) == 1 { found = 1 } END { exit !found }' /proc/self/mountinfo; then
  complain "something is still mounted below $directory"
fi
rm -rf "$directory" "$sockets"
rmdir "\${directory%/*}" 2>/dev/null || :
`;

/**
 * Unmounts all that is mounted below a pod's directory and deletes it, without following links.
 * Nothing is deleted while anything is mounted in it.
 *
 * Arguments: the directory of all pods, the pod's name in it, `pod` to delete all of it or
 * `volumes` to keep what containers that have ended leave behind.
 * What the user may not delete, since containers made it as others, is left to `podman unshare`,
 * the user namespace of a rootless Docker, or passwordless sudo, whichever is there.
 */
export const removePodScript = `
pods=$1 name=$2 what=$3
case $pods in */pods) ;; *) complain "this is no directory of pods: $pods" ;; esac
case $name in '' | . | .. | */*) complain "this is no name of a pod: $name" ;; esac
pod=$pods/$name
if [ -L "$pod" ]; then rm -f "$pod"; fi
if ! [ -d "$pod" ]; then exit 0; fi
if command -v flock >/dev/null 2>&1; then exec 8>"$pod/lock" && flock 8; fi
mounts_below() {
  awk -v at="$pod/" 'index($5 "/", at) == 1 { print $5 }' /proc/self/mountinfo | sort -r
}
tries=0
while [ -n "$(mounts_below)" ] && [ $tries -lt 20 ]; do
  tries=$((tries + 1))
  mounts_below | while IFS= read -r at; do
    at=$(printf '%b' "$at")
    umount "$at" 2>/dev/null || umount -l "$at" 2>/dev/null || :
  done
done
if [ -n "$(mounts_below)" ]; then
  complain "something is still mounted at $(mounts_below | head -n 1)"
fi
case $what in
pod) set -- "$pod" ;;
volumes) set -- "$pod/subpaths" "$pod/volumes" "$pod/secrets" "$pod/meta" ;;
*) complain "this is no part of a pod: $what" ;;
esac
gone() {
  for each in "$@"; do if [ -e "$each" ]; then return 1; fi; done
}
if rm -rf "$@" 2>/dev/null; then exit 0; fi
if [ "$(id -u)" != 0 ]; then
  docker_pid=$(cat "\${XDG_RUNTIME_DIR:-/run/user/$(id -u)}/docker.pid" 2>/dev/null || :)
  podman unshare rm -rf "$@" >/dev/null 2>&1 || :
  if ! gone "$@" && [ -n "$docker_pid" ]; then
    nsenter --preserve-credentials -U -t "$docker_pid" rm -rf "$@" >/dev/null 2>&1 || :
  fi
  if ! gone "$@"; then sudo -n rm -rf "$@" >/dev/null 2>&1 || :; fi
  if gone "$@"; then exit 0; fi
fi
rm -rf "$@"
`;
