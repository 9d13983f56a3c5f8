import assert from "node:assert/strict";
import { listenVariables } from "./open_ports.ts";

const unopened = { addresses: [], handles: [] };

Deno.test("listenVariables() names the ports in their order", () => {
  const ports = [
    { port: 80, name: "http", ...unopened },
    { port: 81, name: undefined, ...unopened },
  ];
  const variables = { LISTEN_FDS: "2", LISTEN_FDNAMES: "http:unknown" };
  assert.deepEqual(listenVariables(ports), variables);
});

Deno.test("listenVariables() says nothing where there is no port", () => {
  assert.deepEqual(listenVariables([]), {});
});
