import { join } from "node:path";
import type { KeyPair } from "./tls_stream.ts";

/** How a certificate of a {@linkcode TestPki} differs from a good client certificate. */
export interface LeafOptions {
  /** `/O=group/CN=name`. */
  readonly subject?: string;
  readonly usage?: "clientAuth" | "serverAuth";
  /** From now; negative: expired. */
  readonly days?: number;
  /** Valid from a day hence on. */
  readonly future?: boolean;
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

  /** Signs a PKCS #10 request as it is, as the cluster's signer does; PEM. */
  async sign(
    request: string,
    { days = 30 }: { readonly days?: number } = {},
  ): Promise<string> {
    const file = join(this.#dir, crypto.randomUUID());
    await Deno.writeTextFile(file, request);
    await openssl(
      this.#dir,
      ...["x509", "-req", "-in", file, "-out", `${file}.crt`],
      ...["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"],
      ...["-days", `${days}`, "-copy_extensions", "copyall"],
    );
    return await Deno.readTextFile(`${file}.crt`);
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
    if (options.future) await this.#signForFuture(name);
    else {
      await openssl(
        this.#dir,
        ...["x509", "-req", "-in", file("csr"), "-out", file("crt")],
        ...["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial"],
        ...["-days", `${days}`, "-extfile", file("ext")],
      );
    }
    const pair: KeyPair = {
      certificate: await Deno.readTextFile(file("crt")),
      privateKey: await Deno.readTextFile(file("key")),
    };
    return { ...pair, certificateFile: file("crt"), keyFile: file("key") };
  }

  /** `openssl x509` cannot start later than now before OpenSSL 3.4. */
  async #signForFuture(name: string): Promise<void> {
    const write = (file: string, text: string) =>
      Deno.writeTextFile(join(this.#dir, file), text);
    await write(`${name}.db`, "");
    await write(
      `${name}.cnf`,
      [
        ...["[ca]", "default_ca=d", "[d]", `database=${name}.db`],
        ...["new_certs_dir=.", "rand_serial=yes", "default_md=sha256"],
        ...["policy=p", "[p]", "CN=optional", "O=optional", ""],
      ].join("\n"),
    );
    const start = new Date(Date.now() + 24 * 60 * 60_000).toISOString()
      .replace(/\.\d+/, "").replaceAll(/[-:T]/g, "");
    await openssl(
      this.#dir,
      ...["ca", "-batch", "-notext", "-config", `${name}.cnf`],
      ...["-in", `${name}.csr`, "-out", `${name}.crt`],
      ...["-cert", "ca.crt", "-keyfile", "ca.key", "-startdate", start],
      ...["-days", "30", "-extfile", `${name}.ext`],
    );
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
