import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { askNameServers } from "./name_servers.ts";

const { signal } = new AbortController();

/** A name server that knows one name, `db.example`, and answers on a port of its own. */
async function startServer(
  known: readonly number[],
): Promise<AsyncDisposable & { readonly port: number }> {
  const socket = createSocket("udp4");
  socket.on("message", (query: Uint8Array, { port, address }) => {
    socket.send(answer(query, known), port, address);
  });
  const bound = Promise.withResolvers<void>();
  socket.bind(0, "127.0.0.1", () => bound.resolve());
  await bound.promise;
  return {
    port: socket.address().port,
    async [Symbol.asyncDispose]() {
      const closed = Promise.withResolvers<void>();
      socket.close(() => closed.resolve());
      await closed.promise;
    },
  };
}

/** RFC 1035: the question, and one address if it is for an A record of a name that begins with d. */
function answer(query: Uint8Array, known: readonly number[]): Uint8Array {
  let end = 12;
  while (query[end] !== 0) end += (query[end] ?? 0) + 1;
  const question = query.slice(12, end + 5);
  const isKnown = query[13] === "d".charCodeAt(0);
  const isAddress = query[end + 2] === 1;
  const count = isKnown && isAddress ? 1 : 0;
  const head = [query[0] ?? 0, query[1] ?? 0, 0x81, isKnown ? 0x80 : 0x83];
  const record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...known];
  return new Uint8Array([
    ...head,
    ...[0, 1, 0, count, 0, 0, 0, 0],
    ...question,
    ...(count === 1 ? record : []),
  ]);
}

Deno.test("askNameServers() asks the servers of the pod, and none of the machine's", async () => {
  await using server = await startServer([10, 0, 0, 7]);
  const options = { signal, port: server.port };
  const servers = ["127.0.0.1"];
  const found = await askNameServers("db.example", { servers }, options);
  assert.deepEqual(found, ["10.0.0.7"]);
  await assert.rejects(
    askNameServers("none.example", { servers }, options),
    Deno.errors.NotFound,
  );
});
