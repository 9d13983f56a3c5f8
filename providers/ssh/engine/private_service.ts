import type { AbortOptions } from "../../../async/abort.ts";
import type { Host } from "../host.ts";
import { NoEngineError } from "./no_engine.ts";
import { privateDirectory } from "./search_script.ts";

/**
 * Starts Podman's API for farlet alone, where the host has Podman and nobody serves its API: nothing
 * is installed, and it ends with the host. Resolves its socket, in a directory that only farlet's
 * user may enter; one that was started before is used again.
 */
export async function startPrivateService(
  host: Host,
  { signal }: AbortOptions,
): Promise<string> {
  const { code, stdout, stderr } = await host.run(serviceScript, [], {
    signal,
  });
  const socket = stdout.trim();
  if (code === 0 && socket.startsWith("/")) return socket;
  throw new NoEngineError(
    `Cannot start Podman's API on ${host.name}: ${
      stderr.trim() || stdout.trim()
    }; enable it there: systemctl enable --now podman.socket`,
  );
}

/** The directory is made by this user or used by nobody: in /tmp anybody could have made it. */
const serviceScript = `
set -eu
${privateDirectory}
umask 077
mkdir -p "$dir"
chmod 700 "$dir"
[ -O "$dir" ] && [ ! -L "$dir" ] || { echo "$dir belongs to somebody else" >&2; exit 1; }
socket=$dir/podman.sock
pid=$(cat "$dir/podman.pid" 2>/dev/null || echo none)
if [ -S "$socket" ] && [ "$pid" != none ] && kill -0 "$pid" 2>/dev/null &&
  tr '\\0' ' ' < "/proc/$pid/cmdline" 2>/dev/null | grep -qF "$socket"; then
  echo "$socket"; exit 0
fi
rm -f "$socket"
command -v setsid >/dev/null || { echo "setsid is missing (util-linux)" >&2; exit 1; }
setsid sh -c 'echo $$ > "$1.pid.new"; mv "$1.pid.new" "$2"; exec podman system service --time 0 "unix://$1"' \\
  sh "$socket" "$dir/podman.pid" </dev/null >"$dir/podman.log" 2>&1 &
tries=0
until [ -S "$socket" ]; do
  tries=$((tries + 1))
  [ "$tries" -le 100 ] || { tail -n 5 "$dir/podman.log" >&2; exit 1; }
  sleep 0.1
done
echo "$socket"`;
