import type { AbortOptions } from "../async/abort.ts";
import type {
  ContainerResources,
  ContainerSpec,
  ImageVolume,
  SandboxSpec,
  VolumeSpec,
} from "./container_spec.ts";
import type { ServerAddress } from "./provider.ts";
import type { RuntimeStats } from "./samples.ts";

/** Why a container is not running yet, in the words kubectl shows (those of the kubelet). */
export type WaitingReason =
  | "PodInitializing"
  | "ContainerCreating"
  | "ErrImagePull"
  | "ErrImageNeverPull"
  | "ImagePullBackOff"
  | "SignatureValidationFailed"
  | "ImageInspectError"
  | "InvalidImageName"
  | "CreateContainerConfigError"
  | "CreateContainerError"
  | "RunContainerError"
  | "CrashLoopBackOff"
  | "RestartingAllContainers";

/** How one run of a container ended. */
export interface Exit {
  /** The exit code; 128 + the signal's number when a signal ended it. */
  readonly code: number;
  /** The signal's number, when one ended the container. */
  readonly signal?: number;
  /**
   * `Completed` (code 0), `Error`, `OOMKilled`, `StartError` (it never ran), or
   * `ContainerStatusUnknown` (it ran, and nobody saw how it ended).
   */
  readonly reason:
    | "Completed"
    | "Error"
    | "OOMKilled"
    | "StartError"
    | "ContainerStatusUnknown";
  /** What the container wrote to its termination message path, or why it could not run. */
  readonly message?: string;
  readonly startedAt: Date;
  readonly finishedAt: Date;
}

/** A container that was started is in exactly one of two states; one that was not is absent. */
export type RunState =
  | { readonly kind: "running"; readonly startedAt: Date }
  | { readonly kind: "terminated"; readonly exit: Exit };

/** The newest run of one container, as the runtime sees it now. */
export interface ObservedContainer {
  readonly name: string;
  /** 0 for the first run, one more for every restart. */
  readonly attempt: number;
  /** Unique among all runs of all containers; without a scheme (`docker://`). */
  readonly id: string;
  /** The image as the pod named it. */
  readonly image: string;
  /** What the image resolved to: a digest or the like. */
  readonly imageId: string;
  readonly state: RunState;
  /** How the run before this one ended. */
  readonly lastExit?: Exit & { readonly id: string };
}

/** Names a pod for people; the UID is its key. */
export interface PodIdentity {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

/** One pod as the runtime sees it now. */
export interface ObservedPod {
  readonly uid: string;
  readonly sandbox: "absent" | "ready" | "stopped";
  /** The pod's own addresses; empty where it shares the node's. */
  readonly ips: readonly string[];
  readonly containers: readonly ObservedContainer[];
}

/** Names the newest run of one container of one pod. */
export interface ContainerRef {
  readonly podUid: string;
  readonly container: string;
}

/** Names a file of one of a pod's volumes; `path` is relative. */
export interface VolumeFileRef {
  readonly podUid: string;
  readonly volume: string;
  readonly path: string;
}

/** Which part of a log to read; the kubelet's parameters of `/containerLogs`. */
export interface LogOptions {
  /** Whether to go on until the container ends. */
  readonly follow: boolean;
  /** Whether to read the run before the newest one. */
  readonly previous: boolean;
  /** Whether each line starts with its RFC 3339 time and a space. */
  readonly timestamps: boolean;
  /** Only the last so many lines; 0 means none but what `follow` adds. */
  readonly tailLines?: number;
  /** Ends after so many bytes. */
  readonly limitBytes?: number;
  /** Only lines written at or after. */
  readonly since?: Date;
  /** Both streams unless named. */
  readonly stream?: "stdout" | "stderr";
}

/** The size of a terminal, in characters. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/**
 * The standard streams of a process in a container. A runtime never reads ahead of `stdin` or
 * writes ahead of the outputs beyond a bounded amount, and closes none of the outputs.
 */
export interface ProcessStreams {
  /** Ends when there is no more input. */
  readonly stdin?: ReadableStream<Uint8Array>;
  readonly stdout?: WritableStream<Uint8Array>;
  /** Absent with a terminal, which has one output. */
  readonly stderr?: WritableStream<Uint8Array>;
  /** Whether the process gets a terminal; false unless given. */
  readonly tty?: boolean;
  /** The size of the terminal, at first and whenever it changes. */
  readonly resize?: ReadableStream<TerminalSize>;
}

/** An open connection to a port of a pod. */
export interface PortConnection {
  /** Ends when the pod's side has ended. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Closing it ends our side only; aborting it drops the connection. */
  readonly writable: WritableStream<Uint8Array>;
}

/** An image that is at the runtime's hand. */
export interface LocalImage {
  /** What the name resolved to: a digest or the like. */
  readonly imageId: string;
  readonly sizeBytes?: number;
  /** Who its processes run as unless the pod says: a number, a name, or root where it is absent. */
  readonly user?: number | string;
}

/** An image that was fetched now. */
export interface PulledImage extends LocalImage {
  /** Which of the credentials opened the registry; undefined where none was needed. */
  readonly opened?: RegistryCredentials;
}

/** A private text that a runtime keeps with what it tells of. */
export interface KeptText {
  /** Empty where nothing was written. */
  read(options: AbortOptions): Promise<string>;
  /** Replaces the whole of it, atomically. */
  write(text: string, options: AbortOptions): Promise<void>;
}

/** What opens a registry for a pull; a registry takes one of the three forms. */
export type RegistryCredentials =
  | {
    readonly kind: "password";
    readonly username: string;
    readonly password: string;
  }
  | { readonly kind: "identityToken"; readonly token: string }
  | { readonly kind: "registryToken"; readonly token: string };

/** How far a pull is. */
export interface PullProgress {
  readonly doneBytes: number;
  /** Of the layers known so far. */
  readonly totalBytes: number;
}

/** Options of {@linkcode ContainerRuntime.createSandbox}. */
export interface SandboxOptions extends AbortOptions {
  /** Told what of the pod's DNS does not fit, as the message of its Event `DNSConfigForming`. */
  readonly warnOfDns?: (message: string) => void;
}

/** Options of {@linkcode ContainerRuntime.pullImage}. */
export interface PullOptions {
  /** To be tried in this order; without any, or when none opens it, the registry is asked as nobody. */
  readonly credentials?: readonly RegistryCredentials[];
  /** Told now and then while the pull goes on. */
  readonly onProgress?: (progress: PullProgress) => void;
}

/**
 * What people and metrics servers may do with running containers. A method that is absent is a
 * capability that the provider lacks: the kubelet API answers 501 for it.
 */
export interface ContainerAccess {
  /**
   * Runs a command in a running container and resolves its exit code, once all of its output has
   * been written; 128 + the signal's number when a signal ended it. Aborting ends the command.
   * Rejects when it cannot be started: `Deno.errors.NotFound` for a container that does not run.
   */
  exec?(
    ref: ContainerRef,
    command: readonly string[],
    options: ProcessStreams & AbortOptions,
  ): Promise<number>;
  /**
   * Connects to the streams of the container's own process; resolves when the process has ended.
   * Aborting lets go of it. Rejects with `Deno.errors.NotFound` for a container that does not run.
   */
  attach?(
    ref: ContainerRef,
    options: ProcessStreams & AbortOptions,
  ): Promise<void>;
  /**
   * Connects to a TCP port of a pod. Rejects with `Deno.errors.ConnectionRefused` when nothing
   * listens there, `Deno.errors.NotFound` for a pod that does not run. Aborting drops it.
   */
  portForward?(
    podUid: string,
    port: number,
    options: AbortOptions,
  ): Promise<PortConnection>;
  /** What runs here, and what it uses now. */
  stats?(options: AbortOptions): Promise<RuntimeStats>;
}

/**
 * Runs containers somewhere: on a host over SSH, or as WASI modules here.
 *
 * It knows nothing of restart policies, probes, phases or backoff: farlet decides, a runtime does.
 * Every step is safe to repeat, also after it failed half-way or the agent was killed. A runtime
 * keeps what it must know with the workload itself, so that the next agent adopts what runs.
 * Failures whose reason `kubectl` should show are thrown as `RuntimeError`. Methods that a runtime
 * may lack are optional: their absence is the capability flag.
 */
export interface ContainerRuntime extends ContainerAccess {
  /**
   * What a RuntimeClass may name as its handler besides the default; pods of other classes cannot
   * run here. A runtime that does not tell takes them all.
   */
  readonly handlers?: readonly string[];
  /** Every pod of which something is here, running or not: to be adopted after a restart. */
  listPods(options: AbortOptions): Promise<readonly PodIdentity[]>;
  /** One pod as it is now; an unknown pod has an absent sandbox. */
  observe(podUid: string, options: AbortOptions): Promise<ObservedPod>;
  /** Says which pod may have changed, never what: the caller looks itself. Ends on abort. */
  changes(options: AbortOptions): AsyncIterable<string>;

  /**
   * Makes the pod's shared environment, unless it is there and works. One that has stopped is
   * replaced, with its network; the records of the containers that ran in it are kept.
   */
  createSandbox(sandbox: SandboxSpec, options: SandboxOptions): Promise<void>;
  /** Kills what still runs and removes all that the pod left here: volumes, logs, records. */
  removeSandbox(podUid: string, options: AbortOptions): Promise<void>;
  /**
   * Lets go of what a pod that has ended for good holds and nobody can need: its volumes, its
   * network. Called once nothing of it runs; logs and records stay until `removeSandbox`.
   */
  endSandbox?(podUid: string, options: AbortOptions): Promise<void>;
  /** Throws a `RuntimeError` of reason `InvalidImageName` for what names no image. */
  checkImageName?(image: string): void;
  /** The image if it is at hand, without fetching anything. */
  findImage(
    image: string,
    options: AbortOptions,
  ): Promise<LocalImage | undefined>;
  /** Fetches the image. A `RuntimeError` says why it cannot be had. */
  pullImage(
    image: string,
    options: PullOptions & AbortOptions,
  ): Promise<PulledImage>;
  /** Which pods may use which images, for as long as the images last. */
  readonly imageAccess?: KeptText;
  /**
   * Says before any start whether containers of the image can be created: fails as `pullImage`
   * does if it cannot be had, and as `startContainer` does if it is of no use.
   */
  checkImage?(image: string, options: AbortOptions): Promise<void>;
  /** Makes the volume or brings its files up to date, atomically as the kubelet does. */
  setVolume?(
    podUid: string,
    volume: VolumeSpec,
    options: AbortOptions,
  ): Promise<void>;
  /**
   * Makes an image that is at hand a volume of the pod, read-only. Called before each start of a
   * container that mounts it, once the pod has its sandbox.
   */
  setImageVolume?(
    podUid: string,
    volume: ImageVolume,
    options: AbortOptions,
  ): Promise<void>;
  /**
   * A text of at most 1 MiB that containers have left in a volume; undefined where there is none.
   * Links are followed as long as they stay in the volume.
   */
  readVolumeFile?(
    file: VolumeFileRef,
    options: AbortOptions,
  ): Promise<string | undefined>;
  /** Starts one run of a container and resolves when it was started; nothing if that run exists. */
  startContainer(
    podUid: string,
    spec: ContainerSpec,
    options: AbortOptions,
  ): Promise<void>;
  /**
   * Asks the container to end and kills it after `graceSeconds`; resolves when it has stopped.
   * A second call may be under way at the same time with less grace: then that one counts.
   */
  stopContainer(
    ref: ContainerRef,
    options: AbortOptions & { readonly graceSeconds: number },
  ): Promise<void>;
  /**
   * Changes what a running container may use, while it runs; nothing if it does not run. What is
   * undefined stays as it is. Fails with the reason when the engine cannot do it.
   */
  updateContainer?(
    ref: ContainerRef,
    resources: ContainerResources,
    options: AbortOptions,
  ): Promise<void>;
  /**
   * Resolves once the place has answered where containers run, so that who waited in vain for one
   * of them knows that it was not the link.
   */
  ping?(options: AbortOptions): Promise<void>;
  /**
   * Connects to a TCP server as the machine sees it that the containers run on, for probes and
   * hooks that name a host. Rejects with `Deno.errors.ConnectionRefused` when nothing listens
   * there. Aborting drops it.
   */
  dial?(address: ServerAddress, options: AbortOptions): Promise<PortConnection>;
  /** The container's log. The stream of an unknown container, or run, fails with `Deno.errors.NotFound`. */
  readLogs(
    ref: ContainerRef,
    options: LogOptions & AbortOptions,
  ): ReadableStream<Uint8Array>;
}
