import { join } from "node:path";
import type { KeyPair } from "./tls_stream.ts";

/** How a certificate of a {@linkcode TestPki} differs from a good client certificate. */
export interface LeafOptions {
  /** `/O=group/CN=name`. */
  readonly subject?: string;
  readonly usage?: "clientAuth" | "serverAuth";
  /** From now; negative: expired. */
  readonly days?: number;
}

/** For tests: a CA made by openssl in a temporary directory, removed when disposed of. */
export class TestPki implements AsyncDisposable {
  readonly #dir: string;
  /** The CA's certificate, PEM. */
  readonly ca: string;

  private constructor(dir: string, ca: string) {
    this.#dir = dir;
    this.ca = ca;
  }

  /** Makes a new CA; all of them have the same name. */
  static async create(): Promise<TestPki> {
    const dir = await Deno.makeTempDir({ prefix: "farlet-pki-" });
    const ca = ["-out", "ca.crt", "-days", "30", "-subj", "/CN=test-ca"];
    await openssl(dir, "req", "-x509", ...newKey("ca"), ...ca);
    return new TestPki(dir, await Deno.readTextFile(join(dir, "ca.crt")));
  }

  /** Signs with the `ca.crt` and `ca.key` of a directory, which stays as it is. */
  static async of(caDirectory: string): Promise<TestPki> {
    const dir = await Deno.makeTempDir({ prefix: "farlet-pki-" });
    for (const file of ["ca.crt", "ca.key"]) {
      await Deno.copyFile(join(caDirectory, file), join(dir, file));
    }
    return new TestPki(dir, await Deno.readTextFile(join(dir, "ca.crt")));
  }

  /** A certificate of this CA with its key, in files and as text. */
  async issue(options: LeafOptions = {}) {
    const { subject = "/O=staff/CN=alice", usage = "clientAuth", days = 30 } =
      options;
    const name = crypto.randomUUID();
    const file = (suffix: string) => join(this.#dir, `${name}.${suffix}`);
    const request = ["-out", file("csr"), "-subj", subject];
    await openssl(this.#dir, "req", ...newKey(name), ...request);
    await Deno.writeTextFile(
      file("ext"),
      `extendedKeyUsage=${usage}\nsubjectAltName=IP:127.0.0.1,DNS:localhost\n`,
    );
    await openssl(
      this.#dir,
      ...["x509", "-req", "-in", file("csr"), "-out", file("crt")],
      ...["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"],
      ...["-days", `${days}`, "-extfile", file("ext")],
    );
    const pair: KeyPair = {
      certificate: await Deno.readTextFile(file("crt")),
      privateKey: await Deno.readTextFile(file("key")),
    };
    return { ...pair, certificateFile: file("crt"), keyFile: file("key") };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#dir, { recursive: true });
  }
}

function newKey(name: string): string[] {
  return [
    ...["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"],
    ...["-keyout", `${name}.key`],
  ];
}

async function openssl(cwd: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args, cwd })
    .output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}
