/**
 * A POSIX shell script that tells of a machine's shutdown by its logind, for as long as somebody
 * listens: nothing polls. It prints
 *
 * - `unsupported WHY`, and ends, where there is no logind;
 * - `delay t MICROSECONDS`: how long logind waits for those who hold a delay lock;
 * - what the machine's monitor of D-Bus prints of the signal `PrepareForShutdown`;
 * - `locked` when it has the lock, `preparing b BOOLEAN` when asked, `ended lock` and `ended watch`;
 *
 * and reads what it is to do, one word a line: `hold` the lock, `release` it, tell the `state`.
 * Its input's end ends all of it.
 *
 * gdbus and dbus-monitor may be used by everybody, busctl's monitor by root alone.
 */
export const logindScript = `
LC_ALL=C; export LC_ALL
PATH=$PATH:/usr/sbin:/sbin
has() { command -v "$1" >/dev/null 2>&1; }
bus=org.freedesktop.login1 path=/org/freedesktop/login1
property() { busctl get-property "$bus" "$path" "$bus.Manager" "$1"; }

has systemd-inhibit && has busctl || { echo 'unsupported it has no systemd'; exit 0; }
delay=$(property InhibitDelayMaxUSec) || {
  [ -d /run/systemd/system ] && exit 1
  echo 'unsupported it does not run systemd-logind'; exit 0
}
printf 'delay %s\\n' "$delay"

# Runs the rest in the background until this is sent SIGTERM; says so when it has ended.
task() {
  (
    name=$1; shift
    "$@" </dev/null &
    child=$!
    trap 'kill "$child" 2>/dev/null' TERM
    wait "$child"
    printf 'ended %s\\n' "$name"
  ) &
}

rule="type='signal',path='$path',interface='$bus.Manager',member='PrepareForShutdown'"
if has gdbus; then task watch gdbus monitor --system --dest "$bus" --object-path "$path"
elif has dbus-monitor; then task watch dbus-monitor --system "$rule"
else task watch busctl monitor --match="$rule"
fi
watch=$! lock=

finish() { kill $watch $lock 2>/dev/null; exit 0; }
# Who listened may go while something is printed: the lock must not outlive that.
trap finish PIPE HUP TERM

while read -r word; do
  case $word in
  hold)
    task lock systemd-inhibit --what=shutdown --mode=delay --who=farlet \\
      --why='Ends the pods of this node first' sh -c 'echo locked; exec sleep 2147483647'
    lock=$!
    ;;
  release) [ -z "$lock" ] || kill "$lock"; lock= ;;
  state)
    # What has begun to listen a moment ago may not hear yet.
    sleep 1
    printf 'preparing %s\\n' "$(property PreparingForShutdown)"
    ;;
  esac
done
finish
`;
