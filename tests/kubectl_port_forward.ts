import assert from "node:assert/strict";
import { eventually } from "./agent_process.ts";
import type { ControlPlane } from "./controlplane.ts";

/** kubectl port-forward to a port of a pod, from one that was free. */
export class PortForward implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<unknown>;
  /** Of this machine. */
  port = 0;
  /** All that it has said. */
  output = "";

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    const { stdout, stderr } = child;
    this.#reading = Promise.all(
      [stdout, stderr].map((each) => this.#read(each)),
    );
  }

  /** Resolves when it listens. */
  static async start(
    cluster: ControlPlane,
    pod: string,
    port: number,
  ): Promise<PortForward> {
    const { command: [program, ...args], env } = cluster.kubectlCommand(
      ["port-forward", `pod/${pod}`, `:${port}`],
    );
    const child = new Deno.Command(program, {
      ...{ args, env, stdin: "null", stdout: "piped", stderr: "piped" },
    }).spawn();
    const forward = new PortForward(child);
    await eventually(() => {
      const [, local] = /127\.0\.0\.1:(\d+) ->/.exec(forward.output) ?? [];
      assert.ok(local !== undefined, forward.output);
      forward.port = Number(local);
      return Promise.resolve();
    });
    return forward;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      // A connection that was refused has ended it.
      if (!(error instanceof TypeError)) throw error;
    }
    await this.#reading;
    await this.#child.status;
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    const text = stream.pipeThrough(new TextDecoderStream());
    for await (const chunk of text) this.output += chunk;
  }
}
