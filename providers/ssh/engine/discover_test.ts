import assert from "node:assert/strict";
import { needing } from "../../../tests/needing.ts";
import {
  sshHostsMissing,
  startHost,
  type TestHost,
} from "../../../tests/ssh_hosts.ts";
import { targetOf } from "../test_bench.ts";
import { startTestHost, testHostMissing } from "../test_host.ts";
import { connectHost, type SshHost } from "../transport/ssh_host.ts";
import { openEngine } from "./discover.ts";
import { NoEngineError } from "./no_engine.ts";
import { noEngineMessage, parseSearch, searchScript } from "./search_script.ts";

const programs = ["system", "busybox"] as const;
for (const which of programs) {
  Deno.test({
    ...needing(
      testHostMissing(which),
      `searchScript tells what is there, with the programs of ${which}`,
    ),
    async fn() {
      const signal = AbortSignal.timeout(20_000);
      await using host = await startTestHost({ programs: which, user: 4242 });
      await host.root(
        `mkdir -p /run /var/run "$1/run/locked"; mount -t tmpfs tmpfs /run
        mkdir -m 0700 /run/podman; touch /run/podman/podman.sock`,
        host.directory,
      );
      const path = `${host.directory}/engine.sock`;
      const listener = Deno.listen({ transport: "unix", path });
      const look = async (socket: string) => {
        const result = await host.run(searchScript, [socket], { signal });
        assert.equal(result.stderr, "");
        return parseSearch(result.stdout);
      };
      await Deno.chmod(path, 0o777);
      assert.deepEqual((await look(path)).sockets, [path]);
      await Deno.chmod(path, 0o700);
      const { sockets, forbidden, user } = await look(path);
      assert.deepEqual([sockets, forbidden, user], [[], [path], "4242"]);
      listener.close();
      const all = await look("");
      assert.deepEqual(all.sockets, []);
      assert.deepEqual(all.forbidden, ["/run/podman/podman.sock"]);
      assert.equal(
        all.privateSocket,
        `${host.home}/.local/share/farlet/run/podman.sock`,
      );
    },
  });
}

Deno.test("noEngineMessage() names the remedy", () => {
  const search = (text: string) =>
    noEngineMessage("pi@host", parseSearch(`user pi\n${text}`), undefined);
  assert.match(
    search("forbidden /var/run/docker.sock"),
    /usermod -aG docker pi/,
  );
  assert.match(search("program docker"), /systemctl enable --now docker/);
  assert.match(search("forbidden /run/podman/podman.sock"), /podman.socket/);
  assert.match(search(""), /install one/);
});

function onHost(
  name: string,
  test: (
    machine: TestHost,
    host: SshHost,
    signal: AbortSignal,
  ) => Promise<void>,
): void {
  Deno.test({
    ...needing(sshHostsMissing(), name),
    async fn() {
      await using machine = await startHost({ engine: false });
      const signal = AbortSignal.timeout(60_000);
      await using host = connectHost(targetOf(machine), { signal });
      await host.connected({ signal });
      await test(machine, host, signal);
    },
  });
}

onHost(
  "openEngine() starts a service of Podman's for farlet alone, finds it again, and starts it again",
  async (machine, host, signal) => {
    const pid = () => machine.shell("cat /run/farlet/podman.pid");
    const engine = await openEngine(host, { signal });
    assert.equal(engine.info.socket, "/run/farlet/podman.sock");
    assert.equal(engine.info.kind, "podman");
    assert.equal(await machine.shell("stat -c %a /run/farlet"), "700\n");
    const first = await pid();
    const again = await openEngine(host, { signal });
    assert.equal(await pid(), first);
    // Until its files are closed it takes connections that nobody answers.
    await machine.shell(
      `kill -9 ${first.trim()}; while ls /proc/${first.trim()}/fd 2>/dev/null | grep -q .; do sleep 0.05; done`,
    );
    engine.closeIdle();
    await engine.ping({ signal });
    assert.notEqual(await pid(), first);
    const { socket } = engine.info;
    const named = await openEngine(host, { socket, signal });
    for (const each of [engine, again, named]) each.closeIdle();
  },
);

onHost(
  "openEngine() starts no other engine while the one that is there does not answer",
  async (machine, host, signal) => {
    await machine.shell(
      `umask 077; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("/run/docker.sock")'`,
    );
    // Nobody listens: it may be back in a moment, with the containers that are known.
    await assert.rejects(
      openEngine(host, { signal }),
      (error) =>
        !(error instanceof NoEngineError) && /docker.sock/.test(String(error)),
    );
    await assert.rejects(machine.shell("test -e /run/farlet"));
  },
);
