import assert from "node:assert/strict";
import type { AbortOptions } from "../async/abort.ts";
import { TaskGroup } from "../async/task_group.ts";
import { UnreachableError } from "../providers/errors.ts";
import { ContainerStops, type StopOptions } from "./container_stops.ts";

const ref = { podUid: "u1", container: "app" };

/** One container that is stopped, and what came of it in its order. */
class Stage implements AsyncDisposable {
  readonly done: string[] = [];
  readonly #group = new TaskGroup(new AbortController().signal);
  readonly #stops = new ContainerStops({
    stopContainer: (_, { graceSeconds }) => {
      this.done.push(`stop ${graceSeconds}s`);
      return Promise.resolve();
    },
  });

  /** Resolves when the stop has ended one way or another. */
  stop(
    graceSeconds: number,
    preStop: StopOptions["preStop"],
    options: Partial<StopOptions> = {},
  ): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    this.#stops.stop(ref, {
      ...this.#options(graceSeconds, preStop),
      retry: ({ after }) => resolve(after),
      ...options,
    });
    return promise;
  }

  prepare(graceSeconds: number, preStop: StopOptions["preStop"]): void {
    this.#stops.prepare(ref, this.#options(graceSeconds, preStop));
  }

  #options(
    graceSeconds: number,
    preStop: StopOptions["preStop"],
  ): StopOptions {
    return {
      graceSeconds,
      preStop,
      group: this.#group,
      record: (_, reason, message) => this.done.push(`${reason} ${message}`),
      retry() {},
    };
  }

  /** A hook that goes on until it is ended. */
  readonly slowHook = async ({ signal }: AbortOptions) => {
    this.done.push("hook");
    await new Promise<void>((resolve) =>
      signal.addEventListener("abort", () => resolve())
    );
  };

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#group[Symbol.asyncDispose]();
  }
}

Deno.test("ContainerStops runs the hook before it stops a container", async () => {
  await using stage = new Stage();
  await stage.stop(30, () => {
    stage.done.push("hook");
    return Promise.resolve();
  });
  assert.deepEqual(stage.done, [
    "Killing Stopping container app",
    "hook",
    "stop 30s",
  ]);
});

Deno.test("ContainerStops runs no hook where there is no grace", async () => {
  await using stage = new Stage();
  await stage.stop(0, stage.slowHook);
  assert.deepEqual(stage.done, ["Killing Stopping container app", "stop 0s"]);
});

Deno.test("ContainerStops gives a container that used its grace up two seconds more", async () => {
  await using stage = new Stage();
  await stage.stop(1, stage.slowHook, { message: "Bye" });
  assert.deepEqual(stage.done, ["Killing Bye", "hook", "stop 2s"]);
});

Deno.test("ContainerStops waits no longer for a hook than the shortest grace, and runs it once", async () => {
  await using stage = new Stage();
  const first = stage.stop(3600, stage.slowHook);
  await stage.stop(1, stage.slowHook);
  assert.deepEqual(stage.done, [
    "Killing Stopping container app",
    "hook",
    "stop 2s",
  ]);
  void first;
});

Deno.test("ContainerStops runs a hook again that may not have reached the container", async () => {
  await using stage = new Stage();
  const lost = () => Promise.reject(new UnreachableError("gone"));
  assert.ok(await stage.stop(30, lost) > 0);
  await stage.stop(30, () => {
    stage.done.push("hook");
    return Promise.resolve();
  });
  assert.deepEqual(stage.done, [
    "Killing Stopping container app",
    "hook",
    "stop 30s",
  ]);
});

Deno.test("ContainerStops stops a container whose hook fails", async () => {
  await using stage = new Stage();
  await stage.stop(30, () => Promise.reject(new Error("bad")));
  assert.deepEqual(stage.done.at(-1), "stop 30s");
});

Deno.test("ContainerStops.prepare() begins the hook that the stop waits for later", async () => {
  await using stage = new Stage();
  const hook = Promise.withResolvers<void>();
  const runs = () => {
    stage.done.push("hook");
    return hook.promise;
  };
  stage.prepare(30, runs);
  stage.prepare(30, runs);
  assert.deepEqual(stage.done, ["Killing Stopping container app", "hook"]);
  const stopped = stage.stop(30, runs);
  hook.resolve();
  await stopped;
  assert.deepEqual(stage.done.slice(2), ["stop 30s"]);
});
