/** What a provider tells of the shutdown of the machine behind its node. */
export type MachineShutdown =
  | {
    /** The machine is up, and waits for us when it is to go down. */
    readonly kind: "watching";
    /** How long it waits at most, in milliseconds. */
    readonly maxDelayMs: number;
  }
  | {
    /** The machine is about to go down. */
    readonly kind: "shuttingDown";
    readonly maxDelayMs: number;
    /** Says that it need not wait any longer. Never rejects. */
    release(): Promise<void>;
  }
  /** It stays up after all, and waits for us again. */
  | { readonly kind: "cancelled" }
  | {
    /** It cannot be known when the machine goes down, or it would not wait. */
    readonly kind: "unwatched";
    /** Why, without its name: "it has no systemd". */
    readonly message: string;
  };
