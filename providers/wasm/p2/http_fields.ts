import { latin1Bytes, latin1Text } from "../../../async/latin1.ts";
import { failWith } from "./guest_error.ts";

type Field = readonly [name: string, value: Uint8Array];

/** The resource `wasi:http/types.fields`: headers or trailers. */
export class Fields {
  #fields: readonly Field[] = [];
  #immutable = false;

  static fromList(list: readonly Field[]): Fields {
    const fields = new Fields();
    for (const [name, value] of list) fields.append(name, value);
    return fields;
  }

  /**
   * Fields of a message that came in, which the guest cannot change; without those of the
   * connection, which must not go out with a copy.
   */
  static ofHeaders(headers: Headers): Fields {
    const fields = new Fields();
    fields.#fields = [...headers]
      .filter(([name]) => !hopByHop.has(name))
      .map(([name, value]) => [name, latin1Bytes(value)]);
    return fields.frozen();
  }

  get(name: string): Uint8Array[] {
    return this.#fields.filter(([other]) => isSame(name, other))
      .map(([, value]) => value);
  }

  has(name: string): boolean {
    return this.#fields.some(([other]) => isSame(name, other));
  }

  set(name: string, values: readonly Uint8Array[]): void {
    this.#check(name, values);
    const set = values.map((value) => [name, value.slice()] as const);
    this.#fields = [...this.#without(name), ...set];
  }

  delete(name: string): void {
    this.#check(name);
    this.#fields = this.#without(name);
  }

  append(name: string, value: Uint8Array): void {
    this.#check(name, [value]);
    this.#fields = [...this.#fields, [name, value.slice()]];
  }

  entries(): Field[] {
    return [...this.#fields];
  }

  clone(): Fields {
    const fields = new Fields();
    fields.#fields = this.#fields;
    return fields;
  }

  /** The same, not to be changed any more. */
  frozen(): Fields {
    const fields = this.clone();
    fields.#immutable = true;
    return fields;
  }

  toHeaders(): Headers {
    return new Headers(this.toLines().map(([name, value]) => [name, value]));
  }

  /** Names and values, whose characters stand for bytes. */
  toLines(): readonly (readonly [string, string])[] {
    return this.#fields.map(([name, value]) => [name, latin1Text(value)]);
  }

  #without(name: string): readonly Field[] {
    return this.#fields.filter(([other]) => !isSame(name, other));
  }

  #check(name: string, values: readonly Uint8Array[] = []): void {
    if (this.#immutable) failWith({ tag: "immutable" });
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/i.test(name)) {
      failWith({ tag: "invalid-syntax" });
    }
    if (hopByHop.has(name.toLowerCase())) failWith({ tag: "forbidden" });
    if (!values.every(isValue)) failWith({ tag: "invalid-syntax" });
  }
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** No control characters but tabs: RFC 9110, section 5.5. */
function isValue(value: Uint8Array): boolean {
  return value.every((byte) => (byte >= 32 && byte !== 127) || byte === 9);
}

/** Those that belong to the connection, which is the host's; as wasmtime has it. */
const hopByHop: ReadonlySet<string> = new Set([
  "connection",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "transfer-encoding",
  "upgrade",
]);
