import type { EngineProgram, GuestEngine } from "./guest_engine.ts";
import type { GuestReport, GuestSpec } from "./guest_spec.ts";

/** The engine of the runner itself, which reports how its guests end. */
export class V8Engine implements GuestEngine {
  prepare({ kind }: EngineProgram): Promise<Pick<GuestSpec, "component">> {
    return Promise.resolve(kind === "component" ? { component: true } : {});
  }

  problem(): undefined {
    return undefined;
  }

  explain(): Promise<GuestReport | undefined> {
    return Promise.resolve(undefined);
  }
}
