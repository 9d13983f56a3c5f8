import assert from "node:assert/strict";
import type { Pod } from "../k8s/types.ts";
import { fromSources } from "./farlet.ts";
import { LocalAgent, type LocalAgentOptions } from "./local_agent.ts";
import { needing } from "./needing.ts";
import {
  runAtTerminal,
  type Step,
  terminalMissing,
  type TerminalResult,
} from "./terminal.ts";

const missing = await terminalMissing();
const web: Pod = {
  metadata: { namespace: "default", name: "web" },
  spec: { containers: [{ name: "app", stdin: true, tty: true }] },
  status: { phase: "Running" },
};

function atTerminal(
  agent: LocalAgent,
  args: readonly string[],
  steps: readonly Step[],
): Promise<TerminalResult> {
  return runAtTerminal([...fromSources, ...args], steps, {
    FARLET_SOCKET: agent.socket,
    NO_COLOR: "1",
  });
}

async function startAgent(
  session: NonNullable<LocalAgentOptions["session"]>,
): Promise<LocalAgent> {
  return await LocalAgent.start({ pods: [web], session });
}

Deno.test({
  ...needing(
    missing,
    "farlet exec -it gives the command the terminal: keys, sizes and screen",
  ),
  async fn() {
    await using agent = await startAgent(async (session, { searchParams }) => {
      assert.equal(searchParams.get("tty"), "1");
      assert.equal(searchParams.get("error"), null);
      await session.expect(4, '{"Width":80,"Height":24}');
      await session.send(1, "$ ");
      await session.expect(0, "a\x03\x04\r");
      await session.send(1, "straight\ndown");
      await session.expect(4, '{"Width":100,"Height":30}');
      await session.finish(3);
    });
    const result = await atTerminal(agent, ["exec", "-it", "web", "--", "sh"], [
      ["wait", "$ "],
      ["type", "a\x03\x04\r"],
      ["wait", "straight\ndown"],
      ["resize", 100, 30],
    ]);
    assert.deepEqual(result, {
      screen: "$ straight\ndowncommand terminated with exit code 3\r\n",
      code: 3,
      translated: false,
      restored: true,
    });
  },
});

for (const [signal, code] of [["SIGTERM", 143], ["SIGHUP", 129]] as const) {
  Deno.test({
    ...needing(missing, `farlet exec -it restores the terminal on ${signal}`),
    async fn() {
      await using agent = await startAgent(async (session) => {
        await session.send(1, "$ ");
        while (await session.receive() !== undefined);
      });
      const result = await atTerminal(
        agent,
        ["exec", "-it", "web", "--", "sh"],
        [["wait", "$ "], ["kill", signal]],
      );
      assert.deepEqual(result, {
        screen: "$ ",
        code,
        translated: false,
        restored: true,
      });
    },
  });
}

Deno.test({
  ...needing(
    missing,
    "farlet exec -it restores the terminal when the connection is lost",
  ),
  async fn() {
    await using agent = await startAgent(async (session) => {
      await session.send(1, "$ ");
      await session.expect(4, '{"Width":80,"Height":24}');
      await session.receive();
      session.connection.destroy();
    });
    const result = await atTerminal(
      agent,
      ["exec", "-it", "web", "--", "sh"],
      [["wait", "$ "], ["type", "x"]],
    );
    assert.deepEqual(result, {
      screen: "$ error: Lost the connection to the agent\r\n",
      code: 1,
      translated: false,
      restored: true,
    });
  },
});

Deno.test({
  ...needing(
    missing,
    "farlet attach -it makes the program draw its screen again, and says how to come back",
  ),
  async fn() {
    await using agent = await startAgent(async (session) => {
      await session.expect(4, '{"Width":81,"Height":25}');
      await session.expect(4, '{"Width":80,"Height":24}');
      await session.send(1, "$ ");
      await session.expect(0, "x");
      await session.finish(0);
    });
    const { screen, code, restored } = await atTerminal(
      agent,
      ["attach", "-it", "web"],
      [["wait", "$ "], ["type", "x"]],
    );
    assert.equal(
      screen,
      "All commands and output from this session will be recorded in container logs, including credentials and sensitive information passed through the command prompt.\r\n" +
        "If you don't see a command prompt, try pressing enter.\r\n" +
        "$ Session ended, resume using 'farlet attach web -c app -n default -i -t' command\r\n",
    );
    assert.deepEqual({ code, restored }, { code: 0, restored: true });
  },
});
