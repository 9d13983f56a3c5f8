import assert from "node:assert/strict";
import { Metrics } from "../../async/metrics.ts";
import { requestMetrics } from "./request_metrics.ts";

const cases: [method: string, path: string, want: string][] = [
  ["GET", "/stats/summary", "GET stats false"],
  ["GET", "/metrics", "GET metrics false"],
  ["GET", "/metrics/resource", "GET metrics/resource false"],
  ["GET", "/metrics/invented", "GET other false"],
  ["POST", "/exec/default/web/app", "POST exec true"],
  ["GET", "/attach/default/web/app", "GET attach true"],
  ["POST", "/portForward/default/web", "POST portForward false"],
  ["GET", "/containerLogs/default/web/app", "GET containerLogs false"],
  ["BREW", "/nope", "other other false"],
  ["GET", "/", "GET other false"],
];
for (const [method, path, want] of cases) {
  Deno.test(`requestMetrics() counts ${method} ${path} as ${want}`, () => {
    const metrics = new Metrics();
    using _ = requestMetrics(metrics).begin({ method, path });
    const [requests] = metrics.families();
    assert.equal(requests?.name, "kubelet_http_requests_total");
    const [sample] = requests.samples;
    assert.ok(sample);
    const { labels, value } = sample;
    const { method: as, path: bucket, long_running: long } = labels;
    assert.equal(`${as} ${bucket} ${long}`, want);
    assert.equal(labels["server_type"], "readwrite");
    assert.equal(value, 1);
  });
}

Deno.test("requestMetrics() takes the time until the request has ended", () => {
  const metrics = new Metrics();
  const request = requestMetrics(metrics).begin({
    method: "GET",
    path: "/pods",
  });
  const durations = () => metrics.families()[1];
  assert.equal(durations()?.name, "kubelet_http_requests_duration_seconds");
  assert.deepEqual(durations()?.samples, []);
  request[Symbol.dispose]();
  const samples = durations()?.samples ?? [];
  assert.equal(samples.length, 11 + 3);
  assert.equal(samples.at(-1)?.suffix, "_count");
  assert.equal(samples.at(-1)?.value, 1);
  assert.ok((samples.at(-2)?.value ?? 0) > 0);
});
