import assert from "node:assert/strict";
import { UnreachableError } from "../providers/errors.ts";
import type { PortConnection } from "../providers/runtime.ts";
import { podDial } from "./pod_dial.ts";

const { signal } = new AbortController();
const refused = new Deno.errors.ConnectionRefused(
  "Cannot connect to 10.0.0.5:80 on h: Connection refused",
);
const unrouted = new Deno.errors.ConnectionRefused(
  "Cannot connect to 10.0.0.5:80 on h: No route to host",
);

/** How the server is reached; a way that fails does so with its error. */
async function way(
  host: string,
  { dial, hasOwnIp = true }: {
    readonly dial?: Error | undefined;
    readonly hasOwnIp?: boolean;
  } = {},
): Promise<string> {
  const connection: PortConnection = {
    readable: new ReadableStream(),
    writable: new WritableStream(),
  };
  const ways: string[] = [];
  const pod = { podUid: "u", podIp: "10.0.0.5", hasOwnIp };
  await podDial({
    portForward: (uid, port) => {
      ways.push(`forward ${uid}:${port}`);
      return Promise.resolve(connection);
    },
    dial: ({ host, port }) => {
      ways.push(`dial ${host}:${port}`);
      return dial ? Promise.reject(dial) : Promise.resolve(connection);
    },
  }, pod)({ host, port: 80 }, { signal });
  return ways.join(", ");
}

Deno.test("podDial() connects to a pod at its address", async () => {
  assert.equal(await way("10.0.0.5"), "dial 10.0.0.5:80");
});

Deno.test("podDial() believes a pod that refuses", async () => {
  await assert.rejects(way("10.0.0.5", { dial: refused }), refused);
});

Deno.test("podDial() goes into a pod whose address leads nowhere, or is not its own", async () => {
  const into = "forward u:80";
  assert.equal(
    await way("10.0.0.5", { dial: unrouted }),
    `dial 10.0.0.5:80, ${into}`,
  );
  const dial = new Deno.errors.PermissionDenied("no forwarding");
  assert.equal(await way("10.0.0.5", { dial }), `dial 10.0.0.5:80, ${into}`);
  assert.equal(await way("10.0.0.5", { hasOwnIp: false }), into);
});

Deno.test("podDial() knows nothing where the host cannot be reached", async () => {
  const dial = new UnreachableError("gone");
  await assert.rejects(way("10.0.0.5", { dial }), UnreachableError);
});

Deno.test("podDial() connects to other hosts as the node does, and nowhere where it cannot", async () => {
  assert.equal(await way("example.org"), "dial example.org:80");
  await assert.rejects(way("example.org", { dial: unrouted }), unrouted);
  const bare = podDial({}, { podUid: "u", podIp: "10.0.0.5" });
  await assert.rejects(bare({ host: "example.org", port: 80 }, { signal }), {
    message: "this node cannot connect to example.org:80, only to the pod",
  });
});
