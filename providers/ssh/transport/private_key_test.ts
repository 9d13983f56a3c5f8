import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { sign } from "node:crypto";
import { join } from "node:path";
import { needing } from "../../../tests/needing.ts";
import { sshdMissing, startSshd } from "../../../tests/sshd.ts";
import { fileIdentity } from "./private_key.ts";
import { connectHost } from "./ssh_host.ts";

const missing = sshdMissing();
const secret = "correct horse";
const ask = () => Promise.resolve(secret);

/** How ssh-keygen and openssl make the keys that people have. */
const kinds: Readonly<Record<string, readonly (readonly string[])[]>> = {
  "OpenSSH ed25519": [["ssh-keygen", "-q", "-t", "ed25519", "-N", ""]],
  "OpenSSH ed25519, encrypted": [[
    "ssh-keygen",
    "-q",
    "-t",
    "ed25519",
    "-N",
    secret,
  ]],
  "OpenSSH RSA": [["ssh-keygen", "-q", "-t", "rsa", "-N", ""]],
  "OpenSSH RSA, encrypted": [["ssh-keygen", "-q", "-t", "rsa", "-N", secret]],
  "OpenSSH ECDSA 256": [["ssh-keygen", "-q", "-t", "ecdsa", "-N", ""]],
  "OpenSSH ECDSA 384, encrypted": [
    ["ssh-keygen", "-q", "-t", "ecdsa", "-b", "384", "-N", secret],
  ],
  "PEM RSA": [["ssh-keygen", "-q", "-t", "rsa", "-m", "PEM", "-N", ""]],
  "PEM RSA, encrypted": [
    ["ssh-keygen", "-q", "-t", "rsa", "-m", "PEM", "-N", secret],
  ],
  "PEM ECDSA": [["ssh-keygen", "-q", "-t", "ecdsa", "-m", "PEM", "-N", ""]],
  "PKCS#8 RSA": [["ssh-keygen", "-q", "-t", "rsa", "-m", "PKCS8", "-N", ""]],
  "PKCS#8 RSA, encrypted": [
    ["ssh-keygen", "-q", "-t", "rsa", "-m", "PKCS8", "-N", secret],
  ],
  "PKCS#8 ECDSA": [[
    "ssh-keygen",
    "-q",
    "-t",
    "ecdsa",
    "-m",
    "PKCS8",
    "-N",
    "",
  ]],
};

for (const [kind, [command = []]] of Object.entries(kinds)) {
  Deno.test({
    ...needing(missing, `fileIdentity() logs in with ${kind}`),
    async fn() {
      await using sshd = await startSshd();
      const path = join(sshd.dir, "key");
      await run([...command, "-f", path]);
      await Deno.copyFile(`${path}.pub`, join(sshd.dir, "authorized"));
      await logsIn(sshd, path);
    },
  });
}

Deno.test({
  ...needing(missing, "fileIdentity() logs in with PKCS#8 ed25519 of openssl"),
  async fn() {
    await using sshd = await startSshd();
    const path = join(sshd.dir, "key");
    await run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path]);
    await Deno.chmod(path, 0o600);
    const text = await fileIdentity(path, ask).privateKey();
    const own = join(sshd.dir, "own");
    await Deno.writeTextFile(own, text, { mode: 0o600 });
    const open = await run(["ssh-keygen", "-y", "-f", own]);
    await Deno.writeTextFile(join(sshd.dir, "authorized"), open);
    await logsIn(sshd, path);
  },
});

Deno.test({
  ...needing(
    missing,
    "fileIdentity() names the file and the remedy, and never the key",
  ),
  async fn() {
    await using sshd = await startSshd();
    const path = join(sshd.dir, "key");
    await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", secret, "-f", path]);
    const key = (passphrase: string | undefined) =>
      fileIdentity(path, () => Promise.resolve(passphrase)).privateKey();
    await assert.rejects(key("wrong"), /key".*passphrase is wrong/);
    await assert.rejects(key(undefined), /key".*--passphrase-file/);
    await assert.rejects(
      fileIdentity(`${path}.none`, ask).privateKey(),
      /key\.none": No such file/,
    );
    await Deno.chmod(path, 0o640);
    await assert.rejects(key(secret), /others may read it \(mode 0640\)/);
    await Deno.chmod(`${path}.pub`, 0o600);
    await assert.rejects(
      fileIdentity(`${path}.pub`, ask).privateKey(),
      /it is a public key/,
    );
  },
});

Deno.test({
  ...needing(
    missing,
    "readPrivateKey() makes every ECDSA key one that can sign",
  ),
  async fn() {
    const dir = await Deno.makeTempDir();
    // Half of all keys have a number that OpenSSH writes with a zero in front.
    for (let i = 0; i < 12; i++) {
      const path = join(dir, String(i));
      const bits = i % 2 === 0 ? "256" : "384";
      await run([
        ...["ssh-keygen", "-q", "-t", "ecdsa", "-b", bits],
        ...["-N", "", "-f", path],
      ]);
      const key = await fileIdentity(path, ask).privateKey();
      assert.ok(sign("sha256", Buffer.from("text"), key).length > 60);
      await Deno.writeTextFile(`${path}.pem`, key, { mode: 0o600 });
      const open = await run(["ssh-keygen", "-y", "-f", `${path}.pem`]);
      const [, known] = (await Deno.readTextFile(`${path}.pub`)).split(" ");
      assert.equal(open.trim().split(" ")[1], known);
    }
    await Deno.remove(dir, { recursive: true });
  },
});

Deno.test({
  ...needing(missing, "fileIdentity() refuses keys that cannot log in"),
  async fn() {
    const dir = await Deno.makeTempDir();
    const refused = async (name: string, command: readonly string[]) => {
      const path = join(dir, name);
      await run([...command, path]);
      await Deno.chmod(path, 0o600);
      await assert.rejects(fileIdentity(path, ask).privateKey(), {
        name: "ConfigError",
        message: /cannot log in with keys of type/,
      });
    };
    const p521 = ["ssh-keygen", "-q", "-t", "ecdsa", "-b", "521"];
    await refused("open", [...p521, "-N", "", "-f"]);
    await refused("encrypted", [...p521, "-N", secret, "-f"]);
    await refused("pem", [...p521, "-N", "", "-m", "PEM", "-f"]);
    await refused("pkcs8", [...p521, "-N", secret, "-m", "PKCS8", "-f"]);
    await refused("ed448", [
      "openssl",
      "genpkey",
      "-algorithm",
      "ed448",
      "-out",
    ]);
    await Deno.remove(dir, { recursive: true });
  },
});

async function logsIn(
  sshd: Awaited<ReturnType<typeof startSshd>>,
  path: string,
): Promise<void> {
  const signal = AbortSignal.timeout(20_000);
  const identities = [fileIdentity(path, ask)];
  await using host = connectHost(sshd.target({ identities }), { signal });
  await host.connected({ signal });
  const { stdout } = await host.run("echo in", [], { signal });
  assert.equal(stdout, "in\n");
}

async function run(
  [program = "", ...args]: readonly string[],
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(program, {
    args,
    stdin: "null",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
