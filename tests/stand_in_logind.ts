import { existsSync } from "node:fs";
import { join } from "node:path";
import type { TestHost } from "./ssh_hosts.ts";

/** Where a host has its stand-in for systemd-logind; nowhere else anything of it. */
const dir = "/run/stand-in";

const busConfig = `<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow own="*"/>
    <allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
</busconfig>`;

/** Why there can be no stand-in, in one line; undefined if there can. */
export function logindMissing(): string | undefined {
  const needed = [
    "/usr/bin/dbus-daemon",
    "/usr/bin/dbus-monitor",
    "/usr/bin/systemd-inhibit",
    "/usr/bin/busctl",
    "/usr/lib/python3/dist-packages/dbus/service.py",
    "/usr/lib/python3/dist-packages/gi/__init__.py",
  ];
  const missing = needed.filter((path) => !existsSync(path));
  if (missing.length === 0) return undefined;
  const why = `not installed: ${missing.join(", ")}`;
  if (Deno.env.get("FARLET_TEST_REQUIRE") === "all") {
    throw new Error(`FARLET_TEST_REQUIRE=all: ${why}`);
  }
  return why;
}

/** Starts a real D-Bus on a host, and on it what farlet uses of logind. */
export async function startLogind(
  host: TestHost,
  { delaySeconds }: { readonly delaySeconds: number },
): Promise<void> {
  const program = join(import.meta.dirname ?? ".", "logind.py");
  const script = `
    mkdir -p ${dir} /run/dbus
    printf %s "$1" >${dir}/bus.conf
    printf %s "$2" >${dir}/logind.py
    rm -f /run/dbus/system_bus_socket ${dir}/log
    setsid dbus-daemon --config-file=${dir}/bus.conf --nofork --nopidfile >${dir}/bus.log 2>&1 </dev/null &
    echo $! >${dir}/bus.pid
    while ! [ -S /run/dbus/system_bus_socket ]; do sleep 0.05; done
    setsid /usr/bin/python3 ${dir}/logind.py "$3" ${dir}/log >${dir}/logind.log 2>&1 </dev/null &
    echo $! >${dir}/logind.pid
    for _ in $(seq 200); do grep -qs up ${dir}/log && exit 0; sleep 0.05; done
    cat ${dir}/*.log >&2; exit 1`;
  await host.exec(
    ...["sh", "-c", script, "sh", busConfig],
    await Deno.readTextFile(program),
    String(delaySeconds),
  );
}

/** Ends both, as a machine that never had them. */
export async function stopLogind(host: TestHost): Promise<void> {
  await host.shell(`
    kill $(cat ${dir}/logind.pid) $(cat ${dir}/bus.pid)
    rm -f /run/dbus/system_bus_socket`);
}

/** Begins a shutdown of the host, of which nothing comes but its signal, or cancels it. */
export async function prepareForShutdown(
  host: TestHost,
  start: boolean,
): Promise<void> {
  await host.shell(`kill -${start ? "USR1" : "USR2"} $(cat ${dir}/logind.pid)`);
}

/** What happened to its delay locks and shutdowns, in lines. */
export async function logindLog(host: TestHost): Promise<readonly string[]> {
  return (await host.exec("cat", `${dir}/log`)).trim().split("\n");
}
