import assert from "node:assert/strict";
import { metricText } from "../../async/metric_text.ts";
import { httpMetrics } from "./http_metrics.ts";
import { HttpCounter } from "./http_usage.ts";

Deno.test("httpMetrics() counts requests by status, and durations in buckets that add up", () => {
  const counter = new HttpCounter();
  const answers = [[200, 0.004], [200, 0.02], [500, 20]] as const;
  for (const _ of [...answers, "unanswered"]) counter.begin();
  for (const [status, seconds] of answers) counter.end(status, seconds);
  const text = metricText(httpMetrics([{
    ...{ namespace: "default", pod: "web", container: "app" },
    usage: counter.usage,
  }]));
  const at = 'container="app",namespace="default",pod="web"';
  for (
    const line of [
      `farlet_wasm_http_requests_total{${at},code="200"} 2`,
      `farlet_wasm_http_requests_total{${at},code="500"} 1`,
      `farlet_wasm_http_requests_in_flight{${at}} 1`,
      `farlet_wasm_http_request_duration_seconds_bucket{${at},le="0.001"} 0`,
      `farlet_wasm_http_request_duration_seconds_bucket{${at},le="0.005"} 1`,
      `farlet_wasm_http_request_duration_seconds_bucket{${at},le="0.025"} 2`,
      `farlet_wasm_http_request_duration_seconds_bucket{${at},le="10"} 2`,
      `farlet_wasm_http_request_duration_seconds_bucket{${at},le="+Inf"} 3`,
      `farlet_wasm_http_request_duration_seconds_sum{${at}} 20.024`,
      `farlet_wasm_http_request_duration_seconds_count{${at}} 3`,
    ]
  ) {
    assert.ok(text.includes(`${line}\n`), `${line} in\n${text}`);
  }
});
