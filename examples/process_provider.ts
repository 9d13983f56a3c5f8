import {
  type NodeFacts,
  type Program,
  ProgramRuntime,
  type Provider,
} from "../mod.ts";

/** A container is a process of this machine, and its image the path of the program. */
const runProcess: Program = async (container) => {
  const { image, args, env, signal, kill, print } = container;
  const options: Deno.CommandOptions = {
    args: [...args],
    env,
    stdout: "piped",
    stderr: "piped",
  };
  await using child = new Deno.Command(image, options).spawn();
  const ended = new AbortController();
  const status = child.status.finally(() => ended.abort());
  const alive = { signal: ended.signal };
  signal.addEventListener("abort", () => child.kill("SIGTERM"), alive);
  kill.addEventListener("abort", () => child.kill("SIGKILL"), alive);
  const copy = async (stream: "stdout" | "stderr") => {
    const text = child[stream].pipeThrough(new TextDecoderStream());
    for await (const chunk of text) print(stream, chunk);
  };
  await Promise.all([copy("stdout"), copy("stderr")]);
  return (await status).code;
};

/** Pods of plain processes, with everything that farlet knows about pods. */
export function createProcessProvider(facts: NodeFacts): Provider {
  const hasImage = (image: string) => image.startsWith("/");
  const runtime = new ProgramRuntime({ run: runProcess, hasImage });
  return {
    name: "process",
    runtime,
    describeNode: () => Promise.resolve(facts),
    checkHealth: () => Promise.resolve({ kind: "healthy" }),
    [Symbol.asyncDispose]: () => runtime[Symbol.asyncDispose](),
  };
}
