import type { ResourceType } from "./value_types.ts";

interface Handle {
  readonly resource: ResourceType;
  /** The host's object, or the number that the part which defines the resource has for it. */
  readonly value: unknown;
  readonly owned: boolean;
}

/** The resources that one part of a component has, by the numbers that it knows them by. */
export class HandleTable {
  /** The first number is 1. */
  readonly #handles: (Handle | undefined)[] = [undefined];
  readonly #free: number[] = [];

  add(resource: ResourceType, value: unknown, owned: boolean): number {
    const handle = { resource, value, owned };
    const index = this.#free.pop() ?? this.#handles.length;
    // A guest that never drops any must not fill the host's memory.
    if (index > mostHandles) throw new RangeError("too many resources");
    this.#handles[index] = handle;
    return index;
  }

  /** Throws where there is no such resource. */
  get(index: number, resource: ResourceType): unknown {
    return this.#handle(index, resource).value;
  }

  /** Takes a resource out, which must be owned. */
  take(index: number, resource: ResourceType): unknown {
    const { value, owned } = this.#handle(index, resource);
    if (!owned) throw new TypeError("a borrowed resource is given away");
    this.#remove(index);
    return value;
  }

  /** Takes a resource out, and gives what was owned. */
  drop(
    index: number,
    resource: ResourceType,
  ): { readonly owned: unknown } | undefined {
    const { value, owned } = this.#handle(index, resource);
    this.#remove(index);
    return owned ? { owned: value } : undefined;
  }

  /** Empties the table; lets go of the host's objects that were owned, the newest first. */
  clear(): void {
    const handles = this.#handles.splice(1).reverse();
    this.#free.length = 0;
    for (const handle of handles) {
      if (handle?.owned && handle.resource.owner === undefined) {
        release(handle.value);
      }
    }
  }

  #handle(index: number, resource: ResourceType): Handle {
    const handle = this.#handles[index];
    if (handle?.resource !== resource || isReleased(handle.value)) {
      throw new TypeError(`unknown handle ${index}`);
    }
    return handle;
  }

  #remove(index: number): void {
    this.#handles[index] = undefined;
    this.#free.push(index);
  }
}

/** Disposes an object of the host that no guest has any more. */
export function release(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  released.add(value);
  if (Symbol.dispose in value) (value as Disposable)[Symbol.dispose]();
}

/** Other parts of a component may still have them as borrowed. */
const released = new WeakSet<object>();

function isReleased(value: unknown): boolean {
  return typeof value === "object" && value !== null && released.has(value);
}

const mostHandles = 1 << 20;
