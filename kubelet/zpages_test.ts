import assert from "node:assert/strict";
import { getFlagz, getStatusz } from "./zpages.ts";

function request(accept?: string): Request {
  const headers: Record<string, string> = accept === undefined
    ? {}
    : { accept };
  return new Request("http://n1/statusz", { headers });
}

const json = (kind: string, version: string) =>
  `application/json;v=${version};g=config.k8s.io;as=${kind}`;
const accepted: [accept: string | undefined, type: string][] = [
  [undefined, "text/plain; charset=utf-8"],
  ["text/plain", "text/plain; charset=utf-8"],
  // kubectl get --raw
  ["application/json, */*", "text/plain; charset=utf-8"],
  ["text/*;q=0.1", "text/plain; charset=utf-8"],
  [json("Statusz", "v1beta1"), "application/json"],
  [json("Statusz", "v1alpha1"), "application/json"],
  [`text/plain;q=0.5,${json("Statusz", "v1beta1")}`, "application/json"],
  [
    `${json("Statusz", "v1beta1")};q=0.5,text/plain`,
    "text/plain; charset=utf-8",
  ],
];
for (const [accept, type] of accepted) {
  Deno.test(`getStatusz() answers ${accept ?? "nothing asked"} with ${type}`, async () => {
    const response = getStatusz({ version: "1.2.3" }, request(accept));
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), type);
    assert.match(await response.text(), /1\.2\.3/);
  });
}

for (
  const accept of [
    "application/json",
    "application/xml",
    "text/plain;q=0",
    json("Flagz", "v1beta1"),
    json("Statusz", "v1"),
  ]
) {
  Deno.test(`getStatusz() answers ${accept} with 406`, async () => {
    const response = getStatusz({}, request(accept));
    assert.equal(response.status, 406);
    const { kind, reason, code } = await response.json();
    assert.deepEqual({ kind, reason, code }, {
      kind: "Status",
      reason: "NotAcceptable",
      code: 406,
    });
  });
}

Deno.test("getStatusz() tells since when the agent runs", async () => {
  const text = await getStatusz({ version: "1.2.3" }, request()).text();
  const [empty, title, warning, , started, up, deno, binary, , paths] = text
    .split("\n");
  assert.equal(empty, "");
  assert.equal(title, "kubelet statusz");
  assert.match(warning ?? "", /^Warning: .* for debugging purposes only\.$/);
  assert.match(
    started ?? "",
    /^Started: \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d UTC 20\d\d$/,
  );
  const ago = Date.now() -
    Date.parse((started ?? "").slice("Started: ".length));
  assert.ok(ago > 0 && ago < 3_600_000, `${started}`);
  assert.match(up ?? "", /^Up: 0 hr \d\d min \d\d sec$/);
  assert.equal(deno, `Deno version: ${Deno.version.deno}`);
  assert.equal(binary, "Binary version: 1.2.3");
  assert.match(paths ?? "", /^Paths: .*\/metrics\/resource/);
});

Deno.test("getStatusz() has the fields of its API version", async () => {
  const response = getStatusz(
    { version: "1.2.3" },
    request(json("Statusz", "v1beta1")),
  );
  assert.equal(response.headers.get("warning"), null);
  const { startTime, uptimeSeconds, paths, ...rest } = await response.json();
  assert.match(startTime, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.ok(Number.isInteger(uptimeSeconds));
  assert.ok(paths.includes("/stats/summary"));
  assert.deepEqual(rest, {
    kind: "Statusz",
    apiVersion: "config.k8s.io/v1beta1",
    metadata: { name: "kubelet" },
    goVersion: "",
    binaryVersion: "1.2.3",
  });
});

Deno.test("getStatusz() warns of the old API version", async () => {
  const response = getStatusz({}, request(json("Statusz", "v1alpha1")));
  assert.match(response.headers.get("warning") ?? "", /^299 - ".*deprecated/);
  await response.body?.cancel();
});

Deno.test("getFlagz() lists flags by name", async () => {
  const flags = { "node-name": "n1", "kubelet-port": "10250" };
  const text = await getFlagz({ flags }, request()).text();
  assert.match(
    text,
    /^\nkubelet flagz\nWarning: .*\nkubelet-port: 10250\nnode-name: n1\n$/,
  );
  const structured = getFlagz({ flags }, request(json("Flagz", "v1beta1")));
  assert.deepEqual(await structured.json(), {
    kind: "Flagz",
    apiVersion: "config.k8s.io/v1beta1",
    metadata: { name: "kubelet" },
    flags,
  });
});
