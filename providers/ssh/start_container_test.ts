import assert from "node:assert/strict";
import type { CreateBody } from "./create_body.ts";
import { EngineError } from "./engine/engine_error.ts";
import { OomProtection } from "./oom_protection.ts";
import { startContainer } from "./start_container.ts";
import { run } from "./test_records.ts";

const { signal } = new AbortController();

function body(protects: boolean): CreateBody {
  const HostConfig = protects ? { OomScoreAdj: -998 } : {};
  return { Image: "pause", Labels: {}, HostConfig } as CreateBody;
}

/** An engine that starts nothing protected, and has `taken` already. */
class Engine {
  readonly taken = new Set<string>();
  readonly started: string[] = [];
  #protected = new Set<string>();

  createContainer(name: string, { HostConfig }: CreateBody): Promise<string> {
    if (this.taken.has(name)) {
      const engineMessage = "the name is already in use";
      return Promise.reject(
        new EngineError("Cannot create", { status: 409, engineMessage }),
      );
    }
    if (HostConfig.OomScoreAdj !== undefined) this.#protected.add(name);
    else this.#protected.delete(name);
    return Promise.resolve(name);
  }

  startContainer(id: string): Promise<void> {
    if (!this.#protected.has(id)) {
      return Promise.resolve(void this.started.push(id));
    }
    const engineMessage = "write to oom_score_adj: Permission denied";
    return Promise.reject(
      new EngineError("Cannot start", { status: 500, engineMessage }),
    );
  }

  removeContainer(): Promise<void> {
    return Promise.resolve();
  }
}

Deno.test("startContainer() starts unprotected what cannot be protected, also after it took over what was", async () => {
  const engine = new Engine();
  const inventory = {
    inspect: (id: string) => Promise.resolve(run({ id })),
    forget: () => {},
  };
  const maker = { engine: engine as never, inventory: inventory as never };
  const protection = new OomProtection();
  const start = (name: string) =>
    startContainer(maker, { name, body, protection }, { signal });
  engine.taken.add("old");
  assert.deepEqual(await start("old"), { kind: "started", id: "old" });
  assert.deepEqual(engine.started, []);
  assert.deepEqual(await start("new"), { kind: "started", id: "new" });
  assert.deepEqual(engine.started, ["new"]);
  assert.deepEqual(protection.choices, [false]);
});
