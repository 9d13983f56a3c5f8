import {
  type NodeFacts,
  type Pod,
  type ProgramHost,
  ProgramRuntime,
  type Provider,
  type Refusal,
} from "../mod.ts";

/** Runs a process of this machine to its end, with the streams and signals of the host. */
async function runProcess(
  program: string,
  args: readonly string[],
  { env, stdin, stdout, stderr, signal, kill }: ProgramHost,
): Promise<number> {
  await using child = new Deno.Command(program, {
    args: [...args],
    env,
    stdin: stdin ? "piped" : "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const ended = new AbortController();
  const status = child.status.finally(() => ended.abort());
  const alive = { signal: ended.signal };
  signal.addEventListener("abort", () => send("SIGTERM", child), alive);
  kill.addEventListener("abort", () => send("SIGKILL", child), alive);
  // A process that does not read its input to the end is no failure.
  const input = stdin?.pipeTo(child.stdin, alive).catch(() => {});
  // What it started itself may hold on to its outputs, also when it was killed.
  const killed = { signal: kill };
  await Promise.all([
    child.stdout.pipeTo(stdout, killed),
    child.stderr.pipeTo(stderr, killed),
  ]);
  await Promise.all([status, input]);
  return (await status).code;
}

function send(signal: Deno.Signal, child: Deno.ChildProcess): void {
  try {
    child.kill(signal);
  } catch {
    // It has ended a moment ago.
  }
}

/** What plain processes cannot do, of what other containers can. */
function refusals({ spec }: Pod): readonly Refusal[] {
  return (["initContainers", "containers"] as const).flatMap((kind) =>
    (spec?.[kind] ?? []).flatMap(({ lifecycle, volumeMounts = [] }, i) => [
      ...volumeMounts.flatMap(({ mountPropagation = "None" }, j) =>
        mountPropagation === "None" ? [] : [{
          field: `spec.${kind}[${i}].volumeMounts[${j}].mountPropagation`,
          message: "processes see the machine's mounts",
        }]
      ),
      ...("stopSignal" in (lifecycle ?? {})
        ? [{
          field: `spec.${kind}[${i}].lifecycle.stopSignal`,
          message: "processes are stopped by SIGTERM",
        }]
        : []),
    ])
  );
}

/** Pods of plain processes, with everything that farlet knows about pods. */
export function createProcessProvider(facts: NodeFacts): Provider {
  const runtime = new ProgramRuntime({
    // An image is the path of a program; a command of exec names any program.
    run: (host) => runProcess(host.image, host.args, host),
    exec: (host) => runProcess(host.args[0] ?? "", host.args.slice(1), host),
    hasImage: (image) => image.startsWith("/"),
  });
  return {
    name: "process",
    runtime,
    refusals,
    describeNode: () => Promise.resolve(facts),
    checkHealth: () => Promise.resolve({ kind: "healthy" }),
    [Symbol.asyncDispose]: () => runtime[Symbol.asyncDispose](),
  };
}
