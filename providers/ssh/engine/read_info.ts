import type { AbortOptions } from "../../../async/abort.ts";
import { engineInfoAnswer, versionAnswer } from "./api_types.ts";
import type { EngineApi } from "./engine_api.ts";
import type { EngineInfo } from "./engine_info.ts";

/** What an engine says of itself and of its host. */
export type ReportedInfo = Omit<
  EngineInfo,
  "kind" | "apiVersion" | "socket" | "forwarding"
>;

/** Asks an engine what it is. */
export async function readInfo(
  api: EngineApi,
  options: AbortOptions,
): Promise<ReportedInfo> {
  const what = "ask the engine what it is";
  const [info, version] = await Promise.all([
    api.json({ what, method: "GET", path: "/info" }, engineInfoAnswer, options),
    api.json({ what, method: "GET", path: "/version" }, versionAnswer, options),
  ]);
  const security = info.SecurityOptions ?? [];
  return {
    version: version.Version ?? info.ServerVersion ?? "",
    rootless: info.Rootless === true ||
      security.some((option) => option.startsWith("name=rootless")),
    cgroupVersion: info.CgroupVersion === "2" ? 2 : 1,
    arch: kubernetesArch(version.Arch ?? info.Architecture ?? ""),
    os: version.Os ?? info.OSType ?? "linux",
    kernelVersion: info.KernelVersion ?? version.KernelVersion ?? "",
    operatingSystem: info.OperatingSystem ?? "",
    cpus: info.NCPU ?? 0,
    memoryBytes: info.MemTotal ?? 0,
    storageDir: info.DockerRootDir ?? "",
    storageDriver: info.Driver ?? "",
    logDriver: info.LoggingDriver ?? "",
    securityOptions: security,
  };
}

/** Go's names, from those of `uname -m` where an engine says these. */
function kubernetesArch(arch: string): string {
  switch (arch) {
    case "x86_64":
      return "amd64";
    case "aarch64":
      return "arm64";
    case "i386":
    case "i686":
      return "386";
  }
  return /^arm(v[5-8].*|hf)?$/.test(arch) ? "arm" : arch;
}
