import assert from "node:assert/strict";
import { PodPorts } from "./pod_ports.ts";
import type { PortConnection } from "./runtime.ts";

const encoder = new TextEncoder();

/** A pod that listens on port 80, and a connection to it. */
async function connected() {
  const [stop, over, client] = [1, 2, 3].map(() => new AbortController());
  assert.ok(stop && over && client);
  const ports = new PodPorts();
  const listener = ports.listen(80, { signal: stop.signal, over: over.signal });
  const ours = ports.connect(80, client);
  const accepting = listener.getReader();
  const { value: theirs } = await accepting.read();
  assert.ok(theirs);
  accepting.releaseLock();
  return { ports, listener, stop, over, client, ours, theirs };
}

async function send({ writable }: PortConnection, text: string): Promise<void> {
  const writer = writable.getWriter();
  await writer.write(encoder.encode(text));
  await writer.close();
}

Deno.test("PodPorts connects both directions, each with an end of its own", async () => {
  const { ours, theirs } = await connected();
  const [request] = await Promise.all([
    new Response(theirs.readable).text(),
    send(ours, "request"),
  ]);
  assert.equal(request, "request");
  const [answer] = await Promise.all([
    new Response(ours.readable).text(),
    send(theirs, "answer"),
  ]);
  assert.equal(answer, "answer");
});

Deno.test("PodPorts refuses a port where nobody listens, or no more", async () => {
  const { ports, stop, listener, client } = await connected();
  const refused = Deno.errors.ConnectionRefused;
  assert.throws(() => ports.connect(81, client), refused);
  stop.abort();
  assert.throws(() => ports.connect(80, client), refused);
  assert.deepEqual(await Array.fromAsync(listener), []);
});

Deno.test("PodPorts frees a port whose listener was left", async () => {
  const { ports, stop, over, listener } = await connected();
  const options = { signal: stop.signal, over: over.signal };
  assert.throws(() => ports.listen(80, options), Deno.errors.AddrInUse);
  await listener.cancel();
  await ports.listen(80, options).cancel();
});

Deno.test("PodPorts refuses more connections than wait to be accepted", () => {
  const ports = new PodPorts();
  const { signal } = new AbortController();
  ports.listen(80, { signal, over: signal });
  for (let i = 0; i < 128; i++) ports.connect(80, { signal });
  assert.throws(
    () => ports.connect(80, { signal }),
    Deno.errors.ConnectionRefused,
  );
});

Deno.test("PodPorts drops a connection when its client aborts", async () => {
  const { client, ours, theirs } = await connected();
  const reading = [ours, theirs].map(({ readable }) =>
    new Response(readable).text()
  );
  client.abort(new Error("gone"));
  for (const each of reading) await assert.rejects(each, /gone/);
});

Deno.test("PodPorts drops a connection when one side aborts what it writes", async () => {
  const { ours, theirs } = await connected();
  await ours.writable.abort(new Error("reset"));
  await assert.rejects(new Response(theirs.readable).text(), /reset/);
  await assert.rejects(new Response(ours.readable).text(), /reset/);
});

Deno.test("PodPorts delivers what a program wrote before it ended", async () => {
  const { over, ours, theirs } = await connected();
  const written = theirs.writable.getWriter().write(encoder.encode("last"));
  over.abort();
  assert.equal(await new Response(ours.readable).text(), "last");
  await written;
  const writing = ours.writable.getWriter().write(encoder.encode("more"));
  await assert.rejects(writing, Deno.errors.ConnectionReset);
});
