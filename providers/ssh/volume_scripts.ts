/**
 * Brings a volume of files up to date from a tar archive on standard input, as the kubelet's
 * AtomicWriter does: the files are in a directory `..TIMESTAMP`, the link `..data` is swapped to
 * it, and the visible names are links into `..data`. Nothing is written when nothing changed.
 *
 * Arguments: the pod's directory, the volume's name, `volumes` or `secrets`, a digest of the
 * content, the boot ID of the host, the mode of the volume, that of the directory in it, the group
 * that owns both (or nothing), and `tmpfs` if secrets are to be kept in memory.
 * The last file of the archive is `..complete`: a connection may break anywhere.
 */
export const writeFilesScript = `
pod=$1 name=$2 place=$3 digest=$4 boot=$5 mode=$6 dir_mode=$7 group=$8 medium=$9
enter_pod "$pod"
mkdir -p "$pod/meta" "$pod/$place"
if [ "$place$medium" = secretstmpfs ] && ! is_mounted "$pod/secrets"; then
  mount -t tmpfs -o mode=0700 farlet "$pod/secrets"
  label "$pod/secrets"
fi
volume=$pod/$place/$name
meta="files $place $digest $boot"
if [ -d "$volume/..data/" ] && [ "$(cat "$pod/meta/$name" 2>/dev/null)" = "$meta" ]; then
  cat >/dev/null
  exit 0
fi
mkdir -p "$volume"
remove_all_but() {
  for old in "$volume"/..[!.]*; do
    case \${old##*/} in ..data | "$1") ;; *) rm -rf "$old" ;; esac
  done
}
remove_all_but "$(readlink "$volume/..data" 2>/dev/null || :)"
fresh=$(mktemp -d "$volume/..$(date -u +%Y_%m_%d_%H_%M_%S).XXXXXX")
(umask 000 && tar -xmpf - -C "$fresh")
[ -f "$fresh/..complete" ] || complain "the content did not arrive completely"
rm -f "$fresh/..complete"
if [ -n "$group" ]; then chgrp "$group" "$fresh" "$volume"; fi
chmod "$dir_mode" "$fresh"
chmod "$mode" "$volume"
ln -s "\${fresh##*/}" "$volume/..data_tmp"
if ! mv -f -T "$volume/..data_tmp" "$volume/..data" 2>/dev/null; then
  ln -sfn "\${fresh##*/}" "$volume/..data"
  rm -f "$volume/..data_tmp"
fi
for file in "$fresh"/* "$fresh"/.[!.]*; do
  if ! [ -e "$file" ]; then continue; fi
  link=$volume/\${file##*/}
  if [ "$(readlink "$link" 2>/dev/null)" = "..data/\${file##*/}" ]; then continue; fi
  rm -rf "$link"
  ln -s "..data/\${file##*/}" "$link"
done
for link in "$volume"/* "$volume"/.[!.]*; do
  if [ -e "$fresh/\${link##*/}" ]; then continue; fi
  rm -rf "$link"
done
remove_all_but "\${fresh##*/}"
printf '%s\\n' "$meta" >"$pod/meta/.$name"
mv -f "$pod/meta/.$name" "$pod/meta/$name"
`;

/**
 * Makes an empty directory that all may write to. What containers did to it later is kept.
 *
 * Arguments: the pod's directory, the volume's name, `disk` or `memory`, the size limit in bytes
 * (or nothing), the group that owns it (or nothing).
 */
export const makeEmptyDirScript = `
pod=$1 name=$2 medium=$3 limit=$4 group=$5
enter_pod "$pod"
mkdir -p "$pod/meta" "$pod/volumes"
volume=$pod/volumes/$name
meta="emptyDir $medium $limit"
if [ "$medium" = memory ]; then
  mkdir -p "$volume"
  if ! is_mounted "$volume"; then
    rm -f "$pod/meta/$name"
    mount -t tmpfs -o "mode=0777\${limit:+,size=$limit}" farlet "$volume"
    label "$volume"
  fi
fi
if [ -d "$volume" ] && [ "$(cat "$pod/meta/$name" 2>/dev/null)" = "$meta" ]; then exit 0; fi
mkdir -p "$volume"
chmod 0777 "$volume"
if [ -n "$group" ]; then
  chgrp "$group" "$volume"
  chmod 2777 "$volume"
fi
printf '%s\\n' "$meta" >"$pod/meta/.$name"
mv -f "$pod/meta/.$name" "$pod/meta/$name"
`;

/**
 * Mounts what an engine has of an image among the volumes of a pod, so that nobody can write to it
 * or execute what is in it. A mount of something else gives way.
 *
 * Arguments: the pod's directory, the volume's name, where the image is.
 */
export const mountImageScript = `
pod=$1 name=$2 source=$3
enter_pod "$pod"
mkdir -p "$pod/meta" "$pod/volumes"
volume=$pod/volumes/$name
if is_mounted "$volume"; then
  if [ "$volume" -ef "$source" ]; then exit 0; fi
  umount -l "$volume"
fi
mkdir -p "$volume"
mount --bind "$source" "$volume"
mount -o remount,bind,ro,noexec,nosuid,nodev "$volume"
printf '%s\\n' "image $source" >"$pod/meta/.$name"
mv -f "$pod/meta/.$name" "$pod/meta/$name"
`;

/**
 * Checks, and for the `…OrCreate` types makes, what a hostPath volume names, in the kubelet's words.
 * The empty type makes a missing directory, as container engines do; who may not leaves it to them.
 *
 * Arguments: the pod's directory, the volume's name, the path, the type.
 */
export const checkHostPathScript = `
pod=$1 name=$2 path=$3 type=$4
make_directory() { (umask 022 && mkdir -p "$path") 2>/dev/null; }
make_file() { (umask 022 && : >>"$path") 2>/dev/null; }
kind() {
  if [ -d "$path" ]; then echo Directory
  elif [ -f "$path" ]; then echo File
  elif [ -S "$path" ]; then echo Socket
  elif [ -c "$path" ]; then echo CharDevice
  elif [ -b "$path" ]; then echo BlockDevice
  else echo Fifo; fi
}
expect() {
  if [ "$1" "$path" ]; then return; fi
  if [ -e "$path" ]; then
    complain "hostPath type check failed: $path is not a $2, it's a $(kind)"
  fi
  complain "hostPath type check failed, $path is not a $2, unable to determine its type: path \\"$path\\" does not exist"
}
case $type in
'')
  if ! [ -e "$path" ] && ! make_directory && [ "$(id -u)" = 0 ]; then
    complain "cannot make directory $path"
  fi ;;
DirectoryOrCreate)
  if ! [ -e "$path" ]; then make_directory || complain "cannot make directory $path"; fi
  expect -d "directory" ;;
Directory) expect -d "directory" ;;
FileOrCreate)
  if ! [ -e "$path" ]; then make_file || complain "cannot make file $path"; fi
  expect -f "file" ;;
File) expect -f "file" ;;
Socket) expect -S "socket file" ;;
CharDevice) expect -c "character device" ;;
BlockDevice) expect -b "block device" ;;
*) complain "$type is an invalid volume type" ;;
esac
enter_pod "$pod"
mkdir -p "$pod/meta"
printf '%s\\n' "hostPath $path" >"$pod/meta/.$name"
mv -f "$pod/meta/.$name" "$pod/meta/$name"
`;

/**
 * Prints a `+` and a regular file of a volume, or nothing where there is none. A link that leads
 * out of the volume is none, also one that a container puts there meanwhile: what was opened is
 * looked at by the kernel's own name for it.
 *
 * Arguments: the volume's directory, the path of the file in it.
 */
export const readVolumeFileScript = `
base=$(readlink -f "$1") full=$1/$2
if ! [ -f "$full" ]; then exit 0; fi
exec 9<"$full"
case $(readlink /proc/self/fd/9) in "\${base%/}"/*) ;; *) exit 0 ;; esac
if [ -f /proc/self/fd/9 ]; then printf + && cat <&9; fi
`;
