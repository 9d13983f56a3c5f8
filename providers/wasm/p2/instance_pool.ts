import type { HttpSettings } from "../guest_spec.ts";
import type { ComponentInstance } from "./component_instance.ts";

/** An instance that answers requests, and how many it has answered. */
export interface PooledInstance {
  readonly instance: ComponentInstance;
  uses: number;
}

/** Gives each request an instance that answers no other meanwhile. */
export class InstancePool {
  readonly #make: () => ComponentInstance;
  readonly #settings: HttpSettings;
  readonly #idle: PooledInstance[] = [];

  constructor(make: () => ComponentInstance, settings: HttpSettings) {
    this.#make = make;
    this.#settings = settings;
  }

  /** One that was used before and may be again, or else a new one. */
  take(): PooledInstance {
    return this.#idle.pop() ?? { instance: this.#make(), uses: 0 };
  }

  /** Takes an instance back; one that cannot be used again is gone. */
  giveBack(pooled: PooledInstance, usable: boolean): void {
    const { maxInvocations, poolSize } = this.#settings;
    const isKept = usable && ++pooled.uses < maxInvocations &&
      this.#idle.length < (poolSize || usualPoolSize);
    if (isKept) this.#idle.push(pooled);
    else pooled.instance[Symbol.dispose]();
  }
}

/** Idle instances that are kept where nobody says how many. */
const usualPoolSize = 16;
