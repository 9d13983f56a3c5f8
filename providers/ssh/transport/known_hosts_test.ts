import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { join } from "node:path";
import { needing } from "../../../tests/needing.ts";
import {
  appendKnownHost,
  keyFingerprint,
  keyType,
  KnownHosts,
  matchesPattern,
} from "./known_hosts.ts";

const missing = hasKeygen() ? undefined : "ssh-keygen is not installed";

function hasKeygen(): boolean {
  try {
    new Deno.Command("ssh-keygen", { args: ["-?"], stderr: "null" })
      .outputSync();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Two real keys, and a file whose text a test writes. */
class Stage implements AsyncDisposable {
  readonly dir = Deno.makeTempDirSync();
  readonly file = join(this.dir, "known_hosts");

  write(...lines: readonly string[]): KnownHosts {
    Deno.writeTextFileSync(this.file, `${lines.join("\n")}\n`);
    return new KnownHosts([this.file]);
  }

  async key(type: string): Promise<{ line: string; bytes: Uint8Array }> {
    const path = join(this.dir, crypto.randomUUID());
    await this.keygen("-q", "-t", type, "-N", "", "-f", path);
    const text = await Deno.readTextFile(`${path}.pub`);
    const [name = "", encoded = ""] = text.split(" ");
    return {
      line: `${name} ${encoded}`,
      bytes: new Uint8Array(Buffer.from(encoded, "base64")),
    };
  }

  async keygen(...args: readonly string[]): Promise<string> {
    const { stdout } = await new Deno.Command("ssh-keygen", {
      args: [...args],
      stdin: "null",
      stderr: "null",
    }).output();
    return new TextDecoder().decode(stdout);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.dir, { recursive: true });
  }
}

function test(name: string, run: (stage: Stage) => Promise<void>): void {
  Deno.test({
    ...needing(missing, name),
    async fn() {
      await using stage = new Stage();
      await run(stage);
    },
  });
}

test("KnownHosts trusts a key by name, by port, by pattern and by hash", async (stage) => {
  const { line, bytes } = await stage.key("ed25519");
  const known = stage.write(
    `# a comment`,
    `pi.example.com,10.0.0.7 ${line} pi@home`,
    `[pi.example.com]:2222 ${line}`,
    `*.farm.example.com,!evil.farm.example.com ${line}`,
  );
  const verdict = (host: string, port = 22) =>
    known.verify(host, port, bytes).kind;
  assert.equal(verdict("PI.example.com"), "trusted");
  assert.equal(verdict("10.0.0.7"), "trusted");
  assert.equal(verdict("pi.example.com", 2222), "trusted");
  assert.equal(verdict("10.0.0.7", 2222), "unknown");
  assert.equal(verdict("a.farm.example.com"), "trusted");
  assert.equal(verdict("evil.farm.example.com"), "unknown");
  await stage.keygen("-q", "-H", "-f", stage.file);
  assert.match(await Deno.readTextFile(stage.file), /^\|1\|/m);
  assert.equal(verdict("pi.example.com"), "trusted");
  assert.equal(verdict("pi.example.com", 2222), "trusted");
  assert.equal(verdict("other.example.com"), "unknown");
});

test("KnownHosts refuses another key, a revoked one, and an authority's host", async (stage) => {
  const known = await stage.key("ed25519");
  const other = await stage.key("ed25519");
  const hosts = stage.write(
    `a ${known.line}`,
    `@revoked * ${other.line}`,
    `@cert-authority b ${known.line}`,
  );
  const changed = hosts.verify("a", 22, (await stage.key("rsa")).bytes);
  assert.equal(changed.kind, "mismatch");
  assert.match(
    "message" in changed ? changed.message : "",
    /known_hosts:1\).*ssh-keygen -R "a"/,
  );
  assert.equal(hosts.verify("a", 22, other.bytes).kind, "revoked");
  assert.equal(hosts.verify("new", 22, other.bytes).kind, "revoked");
  const authority = hosts.verify("b", 22, known.bytes);
  assert.match(
    "message" in authority ? authority.message : "",
    /certificate authority only .*:3\)/,
  );
});

test("KnownHosts names the types that it knows of a host", async (stage) => {
  const ed25519 = await stage.key("ed25519");
  const rsa = await stage.key("rsa");
  const known = stage.write(`a ${rsa.line}`, `a ${ed25519.line}`, "a nonsense");
  assert.deepEqual(known.algorithms("a", 22), ["ssh-rsa", "ssh-ed25519"]);
  assert.deepEqual(known.algorithms("b", 22), []);
});

test("keyFingerprint() is what ssh-keygen prints", async (stage) => {
  for (const type of ["ed25519", "rsa", "ecdsa"]) {
    const { line, bytes } = await stage.key(type);
    stage.write(`a ${line}`);
    const printed = await stage.keygen("-l", "-f", stage.file);
    assert.ok(printed.includes(` ${keyFingerprint(bytes)} `), printed);
    assert.equal(keyType(bytes), line.split(" ")[0]);
  }
});

test("appendKnownHost() adds a key once, as the file's other names are", async (stage) => {
  const { bytes } = await stage.key("ed25519");
  const plain = { host: "a", port: 2222, key: bytes };
  await appendKnownHost(stage.file, plain);
  await appendKnownHost(stage.file, plain);
  const text = await Deno.readTextFile(stage.file);
  assert.match(text, /^\[a\]:2222 ssh-ed25519 \S+\n$/);
  const { mode } = await Deno.stat(stage.file);
  assert.equal((mode ?? 0) & 0o777, 0o600);
  await stage.keygen("-q", "-H", "-f", stage.file);
  await appendKnownHost(stage.file, { host: "b", port: 22, key: bytes });
  assert.match(await Deno.readTextFile(stage.file), /\n\|1\|[^\n]*\n$/);
  assert.match(await stage.keygen("-F", "b", "-f", stage.file), /b found/);
  const known = new KnownHosts([stage.file]);
  assert.equal(known.verify("b", 22, bytes).kind, "trusted");
});

Deno.test("KnownHosts knows nobody where there is no file", () => {
  const known = new KnownHosts(["/nonexistent/known_hosts"]);
  assert.equal(known.verify("a", 22, new Uint8Array(8)).kind, "unknown");
});

Deno.test("matchesPattern() knows stars and question marks, and is quick", () => {
  assert.ok(matchesPattern("*.example.?om", "a.b.example.com"));
  assert.ok(!matchesPattern("*.example.com", "example.com"));
  assert.ok(!matchesPattern("*a".repeat(40), "a".repeat(39) + "b"));
});
