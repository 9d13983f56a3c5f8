import { fileURLToPath } from "node:url";
import { createProcessProvider } from "../examples/process_provider.ts";
import { testProvider } from "../mod.ts";

const noVolumes = "its processes see the machine's files, not the pod's";

testProvider("the example's process provider", () => {
  const provider = createProcessProvider({
    os: Deno.build.os,
    arch: "amd64",
    hostname: "here",
    osImage: "",
    kernelVersion: "",
    runtimeVersion: "process://1",
    machineId: "",
    bootId: "",
    cpuMillis: 1000,
    memoryBytes: 1e9,
    ephemeralStorageBytes: 1e9,
    pods: 10,
    instanceType: "process",
  });
  const image = fileURLToPath(new URL("verbs.sh", import.meta.url));
  return Promise.resolve({
    provider,
    image,
    command: [image],
    [Symbol.asyncDispose]: () => provider[Symbol.asyncDispose](),
  });
}, {
  skip: {
    "runs init containers first, on the same volumes": noVolumes,
    "shows configuration as files": noVolumes,
    "gives commands the container's environment and volumes": noVolumes,
  },
});
