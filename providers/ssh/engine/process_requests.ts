/** Requests of `EngineClient` about the streams of processes in containers. */
import type { AbortOptions } from "../../../async/abort.ts";
import type { DuplexStream } from "../../../async/byte_stream.ts";
import { created, type ExecInspect, execInspect } from "./api_types.ts";
import type { EngineApi } from "./engine_api.ts";

/** A process to be started in a running container. */
export interface ExecOptions {
  readonly command: readonly string[];
  readonly stdin: boolean;
  readonly tty: boolean;
  /** The container's own unless given. */
  readonly user?: string;
}

/** Which streams of a container's own process to connect to; the outputs unless given. */
export interface AttachOptions extends AbortOptions {
  readonly stdin?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  /** Whether what it wrote before comes first; false unless given. */
  readonly logs?: boolean;
}

/** The size of a terminal, in characters. */
export interface Size {
  readonly columns: number;
  readonly rows: number;
}

/** As `EngineClient.attach()`. */
export async function attach(
  api: EngineApi,
  id: string,
  { stdin = false, stdout = true, stderr = true, logs = false, signal }:
    AttachOptions,
): Promise<DuplexStream> {
  return await api.upgrade({
    what: `attach to container ${id}`,
    method: "POST",
    path: containerPath(id, "attach"),
    query: { stream: true, stdin, stdout, stderr, logs },
  }, { signal });
}

/** As `EngineClient.resizeContainer()`. */
export async function resizeContainer(
  api: EngineApi,
  id: string,
  { columns, rows, signal }: Size & AbortOptions,
): Promise<void> {
  await api.do({
    what: `resize the terminal of container ${id}`,
    method: "POST",
    path: containerPath(id, "resize"),
    query: { w: columns, h: rows },
    repeatable: true,
  }, { signal });
}

/** As `EngineClient.execCreate()`. */
export async function execCreate(
  api: EngineApi,
  id: string,
  { command, stdin, tty, user, signal }: ExecOptions & AbortOptions,
): Promise<string> {
  const { Id } = await api.json(
    {
      what: `prepare a command in container ${id}`,
      method: "POST",
      path: containerPath(id, "exec"),
      json: {
        AttachStdin: stdin,
        AttachStdout: true,
        AttachStderr: !tty,
        Tty: tty,
        Cmd: command,
        ...(user === undefined ? {} : { User: user }),
      },
    },
    created,
    { signal },
  );
  return Id;
}

/** As `EngineClient.execStart()`. */
export async function execStart(
  api: EngineApi,
  execId: string,
  { tty, signal }: AbortOptions & { readonly tty: boolean },
): Promise<DuplexStream> {
  return await api.upgrade({
    what: "start a command in a container",
    method: "POST",
    path: execPath(execId, "start"),
    json: { Detach: false, Tty: tty },
  }, { signal });
}

/** As `EngineClient.execInspect()`. */
export async function inspectExec(
  api: EngineApi,
  execId: string,
  options: AbortOptions,
): Promise<ExecInspect | undefined> {
  return await api.find(
    {
      what: "inspect a command in a container",
      method: "GET",
      path: execPath(execId, "json"),
    },
    execInspect,
    options,
  );
}

/** As `EngineClient.execResize()`. */
export async function execResize(
  api: EngineApi,
  execId: string,
  { columns, rows, signal }: Size & AbortOptions,
): Promise<void> {
  await api.do({
    what: "resize the terminal of a command in a container",
    method: "POST",
    path: execPath(execId, "resize"),
    query: { w: columns, h: rows },
    repeatable: true,
  }, { signal });
}

/** Where the API has a container, or what can be done with it. */
export function containerPath(id: string, verb?: string): string {
  const path = `/containers/${encodeURIComponent(id)}`;
  return verb === undefined ? path : `${path}/${verb}`;
}

function execPath(id: string, verb: string): string {
  return `/exec/${encodeURIComponent(id)}/${verb}`;
}
