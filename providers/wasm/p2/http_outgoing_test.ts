import assert from "node:assert/strict";
import { parseAllowedHosts } from "../egress.ts";
import { NameResolver } from "../name_resolver.ts";
import { IncomingBody } from "./http_bodies.ts";
import { Fields } from "./http_fields.ts";
import { IncomingRequest, OutgoingRequest } from "./http_messages.ts";
import { type IncomingResponse, sendRequest } from "./http_outgoing.ts";

const names = new NameResolver(parseAllowedHosts(["127.0.0.1"]));

const paths: readonly [string | undefined, string][] = [
  [undefined, "/"],
  ["", "/"],
  ["?a=b", "/?a=b"],
  ["/a?b", "/a?b"],
  ["http://other/", "/http://other/"],
  ["*", "*"],
];
for (const [path, want] of paths) {
  Deno.test(`sendRequest() asks for ${want} where a guest says ${path}`, async () => {
    const request = new OutgoingRequest(new Fields());
    request.setPathWithQuery(path);
    const [first] = await sentLines(request);
    assert.equal(first, `GET ${want} HTTP/1.1`);
  });
}

Deno.test("sendRequest() forwards nothing that belongs to the connection of a client", async () => {
  const headers = { host: "a", "transfer-encoding": "chunked", x: "1" };
  const incoming = new IncomingRequest(new Request("http://a/", { headers }));
  assert.equal(incoming.authority(), "a");
  const request = new OutgoingRequest(incoming.headers().clone());
  const [, ...lines] = await sentLines(request);
  const found = lines.map((line) => line.replace(/127.*/, ""));
  assert.deepEqual(found, ["host: ", "x: 1", "connection: close"]);
});

Deno.test("IncomingResponse lets go of its connection where nobody reads its body", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const response = responseTo(new OutgoingRequest(new Fields()), listener);
  using server = await listener.accept();
  const head = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n";
  await server.write(new TextEncoder().encode(head));
  IncomingBody.finish((await response).consume());
  await new Response(server.readable).arrayBuffer();
});

/** The lines of the head that goes out. */
async function sentLines(request: OutgoingRequest): Promise<readonly string[]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const response = responseTo(request, listener);
  using server = await listener.accept();
  const buffer = new Uint8Array(4096);
  const count = await server.read(buffer) ?? 0;
  const answer = "HTTP/1.1 204 No Content\r\n\r\n";
  await server.write(new TextEncoder().encode(answer));
  (await response)[Symbol.dispose]();
  return new TextDecoder().decode(buffer.subarray(0, count)).trim()
    .split("\r\n");
}

async function responseTo(
  request: OutgoingRequest,
  { addr }: Deno.TcpListener,
): Promise<IncomingResponse> {
  request.setScheme({ tag: "HTTP" });
  request.setAuthority(`127.0.0.1:${addr.port}`);
  const future = sendRequest(request, undefined, names);
  await future.subscribe().block();
  const result = future.get();
  assert.ok(result?.tag === "ok" && typeof result.val === "object");
  assert.ok(result.val.tag === "ok");
  return result.val.val;
}
