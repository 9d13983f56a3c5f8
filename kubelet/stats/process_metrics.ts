import process from "node:process";
import type { MetricFamily } from "../../async/metric_text.ts";

/** What the agent's own process uses, under the names of Prometheus' libraries. */
export async function processMetrics(): Promise<readonly MetricFamily[]> {
  const { user, system } = process.cpuUsage();
  const [openFiles, maxFiles] = await Promise.all([
    countOpenFiles(),
    readMaxOpenFiles(),
  ]);
  return [
    processStart(),
    {
      name: "process_cpu_seconds_total",
      help: "Total user and system CPU time spent in seconds.",
      type: "counter",
      samples: [{ labels: {}, value: (user + system) / 1e6 }],
    },
    gauge(
      "process_resident_memory_bytes",
      "Resident memory size in bytes.",
      process.memoryUsage().rss,
    ),
    gauge("process_open_fds", "Number of open file descriptors.", openFiles),
    gauge(
      "process_max_fds",
      "Maximum number of open file descriptors.",
      maxFiles,
    ),
  ];
}

/** When the agent's process started. */
export function processStart(): MetricFamily {
  return gauge(
    "process_start_time_seconds",
    "[ALPHA] Start time of the process since unix epoch in seconds.",
    performance.timeOrigin / 1000,
  );
}

function gauge(
  name: string,
  help: string,
  value: number | undefined,
): MetricFamily {
  const samples = value === undefined ? [] : [{ labels: {}, value }];
  return { name, help, type: "gauge", samples };
}

/** Undefined where the system does not tell. */
async function countOpenFiles(): Promise<number | undefined> {
  try {
    const entries = await Array.fromAsync(Deno.readDir("/proc/self/fd"));
    // One of them is for reading the directory.
    return entries.length - 1;
  } catch {
    // Only Linux has it.
    return undefined;
  }
}

/** The soft limit; undefined where the system does not tell, or without a limit. */
async function readMaxOpenFiles(): Promise<number | undefined> {
  try {
    const limits = await Deno.readTextFile("/proc/self/limits");
    const [, soft] = /^Max open files\s+(\d+)/m.exec(limits) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    // Only Linux has it.
    return undefined;
  }
}
