/**
 * Resolves paths inside volumes without ever leaving them, whatever containers do to the volumes
 * meanwhile: the rules of the kubelet. Links inside a volume are followed as long as they stay in it; a
 * path that is not there becomes a directory with the mode of the volume.
 *
 * What was resolved is held open, looked at by the kernel's own name for it, and bind-mounted from
 * there to a place that no container sees: links that are swapped later change nothing.
 *
 * Arguments: the pod's directory, `mount` or `direct` (for who may not mount: the real path is the
 * source then), and for each path: a name for its place, the volume's directory, the path.
 * Prints the source of each mount, one a line. What it complains of starts with the path's number.
 */
export const subPathScript = `
pod=$1 how=$2
shift 2
enter_pod "$pod"
mkdir -p "$pod/subpaths"
number=0
refuse() { complain "$number $1"; }
inside() { case $1 in "$base" | "\${base%/}"/*) ;; *) refuse "it leaves the volume" ;; esac; }

# Makes the path's missing directories, each from the one above it and never through a name.
make_path() {
  cd -P "$base"
  permissions=$(stat -c %a "$base")
  umask "$(printf '%03o' $((0777 & ~0$permissions)))"
  rest=$1
  while [ -n "$rest" ]; do
    part=\${rest%%/*}
    case $rest in */*) rest=\${rest#*/} ;; *) rest= ;; esac
    if ! [ -d "./$part" ]; then mkdir "./$part" || refuse "it cannot be made"; fi
    cd -P "./$part" || refuse "it cannot be entered"
    inside "$(readlink /proc/self/cwd)"
  done
  umask 077
}

# Mounts what is held open at the place, unless that is what is there.
mount_at() {
  if is_mounted "$place"; then
    if [ "$place" -ef "$1" ]; then return; fi
    umount -l "$place"
  fi
  if [ -d "$1" ]; then
    if [ -e "$place" ] && ! [ -d "$place" ]; then rm -f "$place"; fi
    mkdir -p "$place"
  else
    if [ -d "$place" ]; then rmdir "$place"; fi
    : >>"$place"
  fi
  # Without -c, of util-linux, the name would be resolved once more.
  mount -c --bind "$1" "$place" 2>/dev/null || mount --bind "$1" "$place"
  if ! [ "$place" -ef "$1" ]; then
    umount -l "$place"
    refuse "it changed meanwhile"
  fi
}

while [ $# -gt 0 ]; do
  place=$pod/subpaths/$1 base=$(readlink -f "$2") path=$3
  shift 3
  number=$((number + 1))
  (
    full=\${base%/}/$path
    if ! [ -e "$full" ]; then make_path "$path"; fi
    real=$(readlink -f "$full")
    inside "$real"
    if [ -d "$real" ]; then
      cd -P "$real"
      inside "$(readlink /proc/self/cwd)"
      held=/proc/self/cwd
    elif [ -f "$real" ] && [ "$how" = mount ]; then
      exec 9<"$real"
      inside "$(readlink /proc/self/fd/9)"
      held=/proc/self/fd/9
    elif [ "$how" = mount ]; then
      refuse "it is neither a directory nor a regular file"
    fi
    if [ "$how" = mount ]; then
      mount_at "$held" >&2
      printf '%s\\n' "$place"
    else
      # What comes after it would be taken for the source of the next one.
      case $real in *"
"*) refuse "its name has a line feed" ;; esac
      printf '%s\\n' "$real"
    fi
  )
done
`;
