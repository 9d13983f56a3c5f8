import { abortable, type AbortOptions } from "../../async/abort.ts";
import { ChangeFeed } from "../../async/change_feed.ts";
import { delay } from "../../async/delay.ts";
import { messageOf } from "../../async/message_of.ts";
import {
  type ContainerRecord,
  containerRecord,
  type InspectedContainer,
} from "./container_record.ts";
import { identityOf, type Labels, ofNode, ownerOf } from "./labels.ts";

/** What the inventory asks of an engine. */
export interface InventoryEngine {
  listContainers(
    options: AbortOptions & { readonly labels: readonly string[] },
  ): Promise<readonly ListedContainer[]>;
  /** Undefined when it is gone. */
  inspectContainer(
    id: string,
    options: AbortOptions,
  ): Promise<InspectedContainer | undefined>;
}

/** What of an engine's list is looked at. */
export interface ListedContainer {
  readonly Id: string;
  readonly Names?: readonly string[] | undefined;
  readonly State?: string | undefined;
  readonly Labels?: Labels | null | undefined;
}

/**
 * More containers than a node can have: an engine that tells of as many is broken, and must not take
 * the time and memory of the other nodes.
 */
const mostContainers = 10_000;
/** Containers that nobody has looked at yet. Of more, the next list tells. */
const mostUnknown = 1_000;

/** An inspection that somebody waits for. */
interface UnderWay {
  /** Undefined where nobody had said that the container may have changed. */
  readonly uid: string | undefined;
  /** Resolves however it ends. */
  readonly ended: Promise<void>;
}

/** Milliseconds to wait, one after the other. */
const podmanNotices = [20, 50, 100, 200, 400, 800];

/**
 * What runs on a host for one node, as last seen, and what of that may have changed since.
 *
 * While somebody tells it of every change ({@linkcode Inventory.follow}), a pod is looked at without
 * asking the engine but for what has changed. Otherwise the engine is asked each time.
 */
export class Inventory {
  readonly #engine: () => InventoryEngine;
  readonly #node: string;
  readonly #forgotten: (id: string) => void;
  readonly #records = new Map<string, ContainerRecord>();
  /** The pods of containers that must be inspected, by the container's ID. */
  readonly #stale = new Map<string, string>();
  /** Inspections under way, with the pods of their containers, by the container's ID. */
  readonly #underWay = new Map<string, UnderWay>();
  /** When the newest inspection that was stored began, by ID, and when one began last. */
  readonly #storedTurns = new Map<string, number>();
  #turn = 0;
  readonly #feed = new ChangeFeed<string>();
  #followed = false;

  constructor(
    { engine, node, forgotten = () => {} }: {
      readonly engine: () => InventoryEngine;
      readonly node: string;
      /** Told of each container that is no longer there. */
      readonly forgotten?: (id: string) => void;
    },
  ) {
    this.#engine = engine;
    this.#node = node;
    this.#forgotten = forgotten;
  }

  /** Yields the UIDs of all pods, then of those that may have changed. Ends on abort. */
  changes(options: AbortOptions): AsyncGenerator<string> {
    return this.#feed.changes(options, () => this.#uids());
  }

  /** The containers of all pods as they are now. */
  async all(options: AbortOptions): Promise<readonly ContainerRecord[]> {
    if (!this.#followed) await this.relist(options);
    const ids = new Set([...this.#stale.keys(), ...this.#underWay.keys()]);
    await Promise.all([...ids].map((id) => this.#look(id, options)));
    return [...this.#records.values()];
  }

  /** The containers of a pod as they are now, in no order. */
  async pod(
    uid: string,
    options: AbortOptions,
  ): Promise<readonly ContainerRecord[]> {
    if (!this.#followed) await this.relist(options);
    const stale = [...this.#stale].filter(([, of]) => of === uid);
    const underWay = [...this.#underWay].filter(([, of]) => of.uid === uid);
    const ids = new Set([...stale, ...underWay].map(([id]) => id));
    await Promise.all([...ids].map((id) => this.#look(id, options)));
    return [...this.#records.values()].filter(({ pod }) => pod.uid === uid);
  }

  /** Asks for one container, by ID or name; undefined when it is gone or not of this node. */
  async inspect(
    id: string,
    options: AbortOptions,
  ): Promise<ContainerRecord | undefined> {
    const uid = this.#stale.get(id);
    const turn = ++this.#turn;
    this.#stale.delete(id);
    const ended = Promise.withResolvers<void>();
    const underWay = { uid, ended: ended.promise };
    this.#underWay.set(id, underWay);
    try {
      const inspected = await this.#inspect(id, options);
      return this.#store(id, inspected, turn);
    } catch (error) {
      if (uid !== undefined) this.#stale.set(id, uid);
      throw error;
    } finally {
      if (this.#underWay.get(id) === underWay) {
        this.#underWay.delete(id);
        if (!this.#records.has(id)) this.#storedTurns.delete(id);
      }
      ended.resolve();
    }
  }

  /** Asks the engine what there is, and tells of every pod for which that is news. */
  async relist(options: AbortOptions): Promise<void> {
    const before = [...this.#records.keys()];
    const listed = await this.#engine().listContainers({
      ...options,
      labels: ofNode(this.#node),
    });
    if (listed.length > mostContainers) {
      throw new RangeError(
        `Cannot keep track of more than ${mostContainers} containers of node "${this.#node}"`,
      );
    }
    const ids = new Set(listed.map(({ Id }) => Id));
    for (const id of before) if (!ids.has(id)) this.forget(id);
    for (const { Id, Names, State = "", Labels } of listed) {
      const identity = ownerOf(Labels ?? {}, Names ?? []);
      if (identity?.node !== this.#node) continue;
      const known = this.#records.get(Id)?.state.kind;
      if (known === undefined || !agrees(known, State)) {
        this.#touch(Id, identity.pod.uid);
      }
    }
  }

  /** Says whether somebody tells of every change from now on. */
  follow(followed: boolean): void {
    this.#followed = followed;
    // Whoever was told that the host cannot be reached looks again.
    if (followed) { for (const uid of this.#uids()) this.#feed.notify(uid); }
  }

  /** A container with these labels may have changed. */
  changed(id: string, labels: Labels): void {
    const known = this.#records.get(id);
    if (known === undefined && this.#stale.size >= mostUnknown) return;
    const uid = known?.pod.uid ?? identityOf(labels)?.pod.uid;
    if (uid !== undefined) this.#touch(id, uid);
  }

  /** A container is no longer there. */
  forget(id: string): void {
    const uid = this.#records.get(id)?.pod.uid ?? this.#stale.get(id);
    this.#records.delete(id);
    this.#stale.delete(id);
    // What somebody is being told of it may be older.
    if (this.#underWay.has(id)) this.#storedTurns.set(id, ++this.#turn);
    else this.#storedTurns.delete(id);
    this.#forgotten(id);
    if (uid !== undefined) this.#feed.notify(uid);
  }

  /** The record as last seen; it may be stale. */
  known(id: string): ContainerRecord | undefined {
    return this.#records.get(id);
  }

  /** Podman fails to inspect what ends at that moment; it needs a little time to notice. */
  async #inspect(
    id: string,
    options: AbortOptions,
  ): Promise<InspectedContainer | undefined> {
    for (const wait of podmanNotices) {
      try {
        return await this.#engine().inspectContainer(id, options);
      } catch (error) {
        if (!messageOf(error).includes("no such process")) throw error;
        await delay(wait, options);
      }
    }
    return await this.#engine().inspectContainer(id, options);
  }

  /** Looks at what may have changed, unless somebody does: what he finds is as good. */
  async #look(id: string, options: AbortOptions): Promise<void> {
    let others = this.#underWay.get(id);
    while (others !== undefined) {
      await abortable(others.ended, options);
      if (!this.#stale.has(id)) return;
      others = this.#underWay.get(id);
    }
    await this.inspect(id, options);
  }

  #touch(id: string, uid: string): void {
    this.#stale.set(id, uid);
    this.#feed.notify(uid);
  }

  #uids(): Set<string> {
    return new Set([
      ...[...this.#records.values()].map(({ pod }) => pod.uid),
      ...this.#stale.values(),
    ]);
  }

  #store(
    id: string,
    inspected: InspectedContainer | undefined,
    turn: number,
  ): ContainerRecord | undefined {
    // An answer that was overtaken by a later one tells nothing.
    if ((this.#storedTurns.get(id) ?? 0) > turn) return this.#records.get(id);
    const record = inspected && containerRecord(inspected, new Date());
    if (record === undefined || record.node !== this.#node) {
      this.forget(id);
      return undefined;
    }
    const before = this.#records.get(record.id);
    const kept = before === undefined ? record : withFirstFound(record, before);
    this.#storedTurns.set(record.id, turn);
    this.#records.set(record.id, kept);
    if (before?.state.kind !== kept.state.kind) {
      this.#feed.notify(record.pod.uid);
    }
    return kept;
  }
}

/** A run that was lost stays lost at the moment at which that was first seen. */
function withFirstFound(
  record: ContainerRecord,
  { state: before }: ContainerRecord,
): ContainerRecord {
  return record.state.kind === "lost" && before.kind === "lost" &&
      record.state.startedAt.getTime() === before.startedAt.getTime()
    ? { ...record, state: before }
    : record;
}

/** Whether the state of a list is what is known already. */
function agrees(
  known: ContainerRecord["state"]["kind"],
  listed: string,
): boolean {
  switch (known) {
    case "running":
      return listed === "running" || listed === "paused";
    case "exited":
      return /^(exited|stopped|dead|created)$/.test(listed);
    case "created":
    case "lost":
      // Podman lists what the host took down as it lists what never ran.
      return listed === "created" || listed === "exited";
  }
}
