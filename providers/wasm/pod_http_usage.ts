import type { Pod } from "./adoption.ts";
import type { ContainerHttpUsage } from "./http_metrics.ts";
import type { HttpUsage } from "./http_usage.ts";
import { readRunnerFile } from "./runner_file.ts";
import { httpUsagePath } from "./run.ts";

/** What the HTTP servers among the running containers have answered. */
export async function podHttpUsage(
  pods: ReadonlyMap<string, Pod>,
): Promise<readonly ContainerHttpUsage[]> {
  const reading = [...pods.values()].flatMap(({ record, runs }) =>
    [...runs].map(async ([container, runs]) => {
      const run = runs.at(-1);
      if (run?.guest === undefined || run.exit !== undefined) return [];
      const usage = await readRunnerFile<HttpUsage>(httpUsagePath(run.dir));
      const { namespace, name: pod } = record;
      return usage === undefined ? [] : [{ namespace, pod, container, usage }];
    })
  );
  return (await Promise.all(reading)).flat();
}
