import assert from "node:assert/strict";
import { join } from "node:path";
import { needing } from "../../../tests/needing.ts";
import { readSshConfig } from "./ssh_config.ts";

const missing = hasSsh() ? undefined : "OpenSSH's ssh is not installed";

function hasSsh(): boolean {
  try {
    new Deno.Command("ssh", { args: ["-V"], stderr: "null" }).outputSync();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** A home with SSH configurations. */
class Home implements AsyncDisposable {
  readonly path = Deno.makeTempDirSync();
  readonly file = join(this.path, ".ssh", "config");

  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      const path = join(this.path, ".ssh", name);
      Deno.mkdirSync(join(path, ".."), { recursive: true });
      Deno.writeTextFileSync(path, text, { mode: 0o600 });
    }
  }

  read(alias: string, user?: string) {
    return readSshConfig(this.file, alias, {
      home: this.path,
      env: { WHERE: "farm" },
      ...(user === undefined ? {} : { user }),
    });
  }

  /** What ssh itself makes of the file. */
  async ssh(alias: string): Promise<ReadonlyMap<string, readonly string[]>> {
    const { stdout, success, stderr } = await new Deno.Command("ssh", {
      args: ["-G", "-F", this.file, alias],
      env: { WHERE: "farm" },
    }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
    const found = new Map<string, string[]>();
    for (const line of new TextDecoder().decode(stdout).split("\n")) {
      const [, name = "", value = ""] = /^(\S+) (.*)$/.exec(line) ?? [];
      found.set(name, [...found.get(name) ?? [], value]);
    }
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

const config = `
Include conf.d/*.conf
# A farm of small machines.
Host pi-* !pi-99
  User pi
  Port 2222
  HostName %h.farm.example.com
  IdentityFile /keys/first
  IdentityFile /keys/%r@%n
  ProxyJump admin@bastion:2200,second
Host pi-7
  User never
  IdentitiesOnly yes
Match user root host plain
  Port 2022
Host=quoted
  IdentityFile "/keys/with a space"
  UserKnownHostsFile /known/one /known/two
Host one,two
  Port 2001
Host web?
  Port 2002
Match host one,plain !user nobody
  IdentitiesOnly yes
Match final host 10.2.2.2
  Port 2003
Host final
  HostName 10.2.2.2
Host none-first
  ProxyCommand none
Host none-first jump-first
  ProxyJump gate
Host jump-first
  ProxyCommand nc %h %p
Host jump-none
  ProxyJump none
Host *
  User everybody
Host jump-none
  ProxyJump gate
`;

const aliases = [
  ...["pi-1", "pi-7", "pi-99", "plain", "quoted", "other", "one", "two"],
  ...["web", "web1", "web12", "final", "none-first", "jump-first"],
  "jump-none",
];

Deno.test({
  ...needing(missing, "readSshConfig() says what `ssh -G` says"),
  async fn() {
    await using home = new Home();
    home.write({
      config,
      "conf.d/a.conf": "Host included\n  HostName 10.1.1.1\n",
    });
    for (const alias of aliases) {
      const ours = await home.read(alias);
      const theirs = await home.ssh(alias);
      const one = (name: string) => theirs.get(name)?.[0];
      assert.equal(ours.hostName, one("hostname"), alias);
      assert.equal(ours.user, one("user"), alias);
      assert.equal(ours.port ?? 22, Number(one("port")), alias);
      assert.equal(ours.proxyJump, one("proxyjump"), alias);
      assert.equal(ours.identitiesOnly, one("identitiesonly") === "yes", alias);
      if (ours.identityFiles.length > 0) {
        // It prints what it has not written out yet.
        const printed = theirs.get("identityfile") ?? [];
        assert.equal(ours.identityFiles.length, printed.length, alias);
      }
      if (ours.userKnownHostsFiles !== undefined) {
        assert.equal(
          ours.userKnownHostsFiles.join(" "),
          one("userknownhostsfile"),
        );
      }
    }
    // ssh reads what is included from the real home.
    assert.equal((await home.read("included")).hostName, "10.1.1.1");
    assert.equal((await home.read("plain", "root")).port, 2022);
  },
});

Deno.test("readSshConfig() writes tokens, home and environment out", async () => {
  await using home = new Home();
  home.write({
    config:
      "Host a\n  HostName a.example.com\n  IdentityFile ~/.ssh/%n-%h-%r\n" +
      "  IdentityAgent ${WHERE}/agent\n  User u%%\n",
  });
  const settings = await home.read("a");
  assert.deepEqual(settings.identityFiles, [
    `${home.path}/.ssh/a-a.example.com-u%%`,
  ]);
  assert.equal(settings.identityAgent, "farm/agent");
});

Deno.test("readSshConfig() refuses to run commands, and says why", async () => {
  await using home = new Home();
  home.write({ config: "Host a\n  ProxyCommand nc %h %p\n" });
  await assert.rejects(home.read("a"), /"a".*no ProxyCommand; use ProxyJump/);
  assert.equal((await home.read("b")).hostName, "b");
  home.write({ config: `Match exec "touch ${home.path}/ran"\n  User x\n` });
  await assert.rejects(home.read("a"), /Match exec/);
  await assert.rejects(Deno.stat(`${home.path}/ran`), Deno.errors.NotFound);
  home.write({ config: "Include config\n" });
  await assert.rejects(home.read("a"), /includes itself/);
  home.write({ config: "Host a\n  Include other\n" });
  await assert.rejects(home.read("a"), /within "Host a"/);
});
