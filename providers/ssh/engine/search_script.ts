/** What {@linkcode searchScript} found. */
export interface EngineSearch {
  /** Sockets that the user may use, the best one first. */
  readonly sockets: readonly string[];
  /** Sockets that are there and that the user may not use. */
  readonly forbidden: readonly string[];
  /** Whether one of them is Docker's. */
  readonly dockerForbidden: boolean;
  /** Where farlet's own service of Podman's has its socket, if there is one. */
  readonly privateSocket: string;
  /** Whether the programs are installed. */
  readonly hasPodman: boolean;
  readonly hasDocker: boolean;
  readonly user: string;
}

/** Sets `dir` to the directory of farlet's own service of Podman's, which may not be there yet. */
export const privateDirectory = `
uid=$(id -u)
if [ "$uid" = 0 ]; then dir=/run/farlet
else
  dir=\${XDG_RUNTIME_DIR:-/run/user/$uid}
  if [ -d "$dir" ] && [ -w "$dir" ]; then dir=$dir/farlet
  else dir=\${HOME:?no home directory}/.local/share/farlet/run; fi
fi`;

/**
 * Looks for engines: the socket named by `$1` if there is one, else that of `DOCKER_HOST`, else all
 * the usual places. Prints a line for everything that is there.
 *
 * Docker comes first: its daemon runs where somebody wants it, while Debian listens for Podman
 * wherever that is installed.
 */
export const searchScript = `
look() {
  if [ -S "$1" ]; then
    if [ -w "$1" ]; then echo "socket $1"; else echo "forbidden $1"; fi
  elif [ -d "\${1%/*}" ] && [ ! -x "\${1%/*}" ]; then echo "forbidden $1"; fi
}
look_at_url() {
  case $1 in unix:///*) look "\${1#unix://}" ;; esac
}
${privateDirectory}
echo "private $dir/podman.sock"
echo "user $(id -un 2>/dev/null || echo "$uid")"
for program in podman docker; do
  command -v "$program" >/dev/null 2>&1 && echo "program $program"
done
if [ -n "$1" ]; then look "$1"; exit 0; fi
if [ -z "\${DOCKER_HOST:-}" ] && [ -n "\${SHELL:-}" ] && command -v timeout >/dev/null 2>&1; then
  DOCKER_HOST=$(timeout 5 "$SHELL" -lc 'echo "farlet:$DOCKER_HOST"' </dev/null 2>/dev/null | sed -n 's/^farlet://p')
fi
look_at_url "\${DOCKER_HOST:-}"
look_at_url "\${CONTAINER_HOST:-}"
look /var/run/docker.sock
[ -L /var/run ] || look /run/docker.sock
look /run/podman/podman.sock
if [ "$uid" != 0 ]; then
  for run in "\${XDG_RUNTIME_DIR:-}" "/run/user/$uid"; do
    [ -n "$run" ] || continue
    look "$run/docker.sock"
    look "$run/podman/podman.sock"
  done
fi
exit 0`;

/** Reads what the script printed. */
export function parseSearch(text: string): EngineSearch {
  const lines = text.split("\n").map((line) => {
    const [, kind = "", value = ""] = /^(\w+) (.*)$/.exec(line) ?? [];
    return { kind, value };
  });
  const all = (kind: string) => [
    ...new Set(
      lines.filter((line) => line.kind === kind).map(({ value }) => value),
    ),
  ];
  const programs = all("program");
  const forbidden = all("forbidden");
  return {
    sockets: all("socket"),
    forbidden,
    dockerForbidden: forbidden.some(isDockers),
    privateSocket: all("private")[0] ?? "",
    hasPodman: programs.includes("podman"),
    hasDocker: programs.includes("docker"),
    user: all("user")[0] ?? "",
  };
}

function isDockers(socket: string): boolean {
  return socket.endsWith("/docker.sock");
}

/** Why no engine can be used, and what to do about it. */
export function noEngineMessage(
  host: string,
  { forbidden, hasDocker, user }: EngineSearch,
  socket: string | undefined,
): string {
  const first = forbidden.find(isDockers) ?? forbidden[0];
  if (first !== undefined) {
    const remedy = isDockers(first)
      ? `add it to the group docker (usermod -aG docker ${user}) and connect anew`
      : `use root, or an engine of its own: systemctl --user enable --now podman.socket`;
    return `"${user}" may not use the engine at "${first}" on ${host}: ${remedy}`;
  }
  if (socket !== undefined) {
    return `There is no socket "${socket}" on ${host}: start the engine there, or leave engineSocket out to have it found`;
  }
  if (hasDocker) {
    return `Docker is installed on ${host} and does not run: systemctl enable --now docker`;
  }
  return `There is neither Docker nor Podman on ${host}: install one of them, for example with apt-get install podman`;
}
