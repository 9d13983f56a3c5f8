import { controlPlaneMissing, startControlPlane } from "./controlplane.ts";
import { needing } from "./needing.ts";
import { agentFaults, serverFaults } from "./ssh_agent_faults.ts";
import { engineFaults, giveSmallDisk } from "./ssh_engine_faults.ts";
import { sshHostsMissing } from "./ssh_hosts.ts";
import { linkFaults } from "./ssh_link_faults.ts";
import { restrictSshd, sshdFaults } from "./ssh_server_faults.ts";
import { openStage, type SshStage, type StageSteps } from "./ssh_stage.ts";

const missing = sshHostsMissing() ?? controlPlaneMissing({ controllers: true });

/** Parts of the test run side by side: what is open belongs to all of them. */
const beside = {
  sanitizeOps: false,
  sanitizeResources: false,
  sanitizeExit: false,
};

/** What happens to hosts of their own, at the same time. */
const all = [
  { name: "the agent", before: undefined, steps: agentFaults },
  { name: "the link", before: undefined, steps: linkFaults },
  {
    name: "the engine",
    before: giveSmallDisk,
    // A full disk is to be seen by its pods: none of them is to be evicted before.
    node: { eviction: { hard: {} } },
    steps: engineFaults,
  },
  { name: "sshd", before: restrictSshd, steps: sshdFaults },
];

Deno.test({
  ...needing(missing, "a host over SSH survives what goes wrong"),
  fn: async (test) => {
    await using cluster = await startControlPlane({ controllers: true });
    await using scope = new AsyncDisposableStack();
    const plays = [];
    for (const { name, before, steps, ...rest } of all) {
      const node = "node" in rest ? rest.node : {};
      const stage = scope.use(await openStage(cluster, before, node));
      plays.push({ name, stage, steps });
    }
    const played = await Promise.all(
      plays.map(({ name, stage, steps }) =>
        test.step({
          name,
          fn: (test) => play(test, stage, steps),
          ...beside,
        })
      ),
    );
    const [{ stage } = { stage: undefined }] = plays;
    if (stage === undefined || played.includes(false)) return;
    await play(test, stage, serverFaults);
  },
});

/** Runs the steps one after the other: a step builds on those before it. */
async function play(
  test: Deno.TestContext,
  stage: SshStage,
  steps: StageSteps,
): Promise<void> {
  for (const [name, run] of Object.entries(steps)) {
    const fn = () => run(stage);
    if (await test.step({ name, fn, ...beside })) continue;
    throw new Error(`The agent's log ends with:\n${stage.agent.stderr}`);
  }
}
