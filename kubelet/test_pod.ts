import type { Pod } from "../k8s/types.ts";

/** For tests: the pod `default/web`, whose only container `app` runs. */
export const runningPod: Pod = {
  metadata: { namespace: "default", name: "web", uid: "u1" },
  spec: { containers: [{ name: "app" }] },
  status: {
    containerStatuses: [{
      ...{ name: "app", image: "i:1", imageID: "", ready: true },
      restartCount: 0,
      containerID: "x://1",
      state: { running: { startedAt: "2026-01-01T00:00:00Z" } },
    }],
  },
};
