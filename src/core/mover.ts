import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { checkTransition } from "./agent.ts";
import type { AgentRecord, AgentStatus } from "./agent.ts";
import { checkHere, movedError } from "./between-homes.ts";
import { digestOf, FORMAT, isMoveId, manifestDigest, VERSION } from "./bundle/manifest.ts";
import type { Manifest } from "./bundle/manifest.ts";
import { bundleEntries, tarStream } from "./bundle/write.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { OpenAgentsError } from "./errors.ts";
import { sha256Hex } from "./hash.ts";
import type { Kernel } from "./kernel.ts";
import { departureDigest, moveOf, moveText, settled } from "./move.ts";
import type { Departure, LeaveOptions, Move, MoveGoal } from "./move.ts";
import { paths, timerOf } from "./tree.ts";

/** What the mover tells the runtime. */
export interface MoverEvents {
  /** Nothing that is waited for will happen to this agent here, for now at least. */
  readonly left: (id: string) => void;
  /** Mail to an agent can go on, to it or to its new home. */
  readonly settled: () => void;
  readonly failed: (problem: string, error: unknown) => void;
}

/** How long an agent that leaves waits for its departure before it stays, ms. */
const WAIT = 300_000;
/** How long a tick that runs when an agent is to leave may go on, ms. */
const GRACE = 10_000;
/** How long the reader of a bundle may do nothing, ms. */
const STALL = 60_000;

/**
 * Moves agents from home to home. The commit of a move is `depart` at the old home, once; before it the
 * old home has the agent, after it the new one has. Each step is durable when it resolves.
 */
export class Mover {
  readonly #kernel: Kernel;
  readonly #dispatcher: Dispatcher;
  readonly #events: MoverEvents;
  /** Agents of which a bundle is being read, and how many. */
  readonly #exporting = new Map<string, number>();
  readonly #timers = new Map<string, () => void>();

  constructor(kernel: Kernel, dispatcher: Dispatcher, events: MoverEvents) {
    this.#kernel = kernel;
    this.#dispatcher = dispatcher;
    this.#events = events;
  }

  /** Takes up moves that were under way when the runtime ended: what cannot go on is taken back. */
  async start(): Promise<void> {
    for (const record of await this.#all("leaving")) {
      const { leaving } = moveOf(record);
      if (leaving !== undefined) await this.#look(record.id);
    }
    for (const { id } of await this.#all("arriving")) {
      await this.#dispatcher.hold(id, async () => {
        const record = await this.#kernel.store.get(id);
        if (record !== undefined && moveOf(record).arriving?.complete === false) {
          await this.undoArrival(record);
        }
      });
    }
  }

  stop(): void {
    for (const cancel of this.#timers.values()) cancel();
  }

  async leave(
    id: string,
    { move, wait = WAIT }: LeaveOptions,
  ): Promise<{ readonly until: number }> {
    checkMoveId(move);
    const { clock, store } = this.#kernel;
    const until = clock.now() + wait;
    const first = await this.#found(id);
    if (first.status !== "leaving") checkLeaving(first);
    const stopGrace = clock.after(GRACE, () => {
      this.#dispatcher.cut(id, new OpenAgentsError("CANCELLED", "The agent leaves"));
    });
    try {
      await this.#dispatcher.hold(id, async () => {
        const record = await this.#found(id);
        const note = moveOf(record);
        if (record.status !== "leaving") checkLeaving(record);
        const was = note.leaving?.was ?? record.status;
        const other = note.leaving?.move !== move ? note.leaving?.move : undefined;
        const past = over(note, other);
        if (past.includes(move)) {
          throw new OpenAgentsError("INVALID", `Cannot move: "${move}" is over, begin another one`);
        }
        await this.#write(record, "leaving", { ...note, past, leaving: { move, was, until } });
        await store.sync();
      });
    } finally {
      stopGrace();
    }
    this.#events.left(id);
    this.#remind(id, until);
    return { until };
  }

  /** Ends a move: an agent that leaves stays, and a copy that arrives is dropped. */
  async stay(id: string, move: string): Promise<void> {
    await this.#dispatcher.hold(id, async () => {
      const record = await this.#kernel.store.get(id);
      if (record === undefined) return;
      const { leaving, arriving } = moveOf(record);
      if (record.status === "leaving" && leaving?.move === move) return this.#stay(record);
      if (record.status === "arriving" && arriving?.move === move) return this.undoArrival(record);
      if (record.status === "moved") throw movedError(record);
      if (record.status !== "leaving" && record.status !== "arriving") return;
      throw new OpenAgentsError("INVALID", `Cannot end move "${move}": another one is under way`);
    });
  }

  async depart(id: string, goal: MoveGoal): Promise<Departure> {
    const { move, url, ticket, policy = "forward" } = goal;
    checkMoveId(move);
    return this.#dispatcher.hold(id, async () => {
      const { store, signer } = this.#kernel;
      const record = await this.#found(id);
      const note = moveOf(record);
      if (record.status === "moved") {
        if (note.moved?.move === move) return note.moved.receipt;
        throw movedError(record);
      }
      if (record.status !== "leaving" || note.leaving?.move !== move) {
        throw new OpenAgentsError(
          "INVALID",
          `Cannot let "${record.name}" go: it does not leave by move "${move}": begin again`,
        );
      }
      if (!/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : "")) {
        throw new OpenAgentsError(
          "INVALID",
          `Cannot let "${record.name}" go: bad address "${url}"`,
        );
      }
      const facts = { agent: id, move, head: (await store.head(id)) ?? null };
      const key = { ...record, purpose: `departure ${move}` };
      const signature = await signer.sign(key, hexToBytes(departureDigest(facts)));
      const receipt = { ...facts, signature: bytesToHex(signature) };
      const moved = { move, url, ticket, policy, receipt };
      await this.#write(record, "moved", { ...settled(note), moved });
      await store.sync();
      this.#forgetTimer(id);
      this.#events.settled();
      return receipt;
    });
  }

  async arrive(id: string, receipt: Departure): Promise<AgentRecord> {
    return this.#dispatcher.hold(id, async () => {
      const record = await this.#found(id);
      const note = moveOf(record);
      const { arriving } = note;
      if (record.status !== "arriving" && note.past?.includes(receipt.move)) return record;
      const refuse = (why: string): never => {
        throw new OpenAgentsError("INVALID", `Cannot let "${record.name}" arrive: ${why}`);
      };
      if (record.status !== "arriving" || arriving === undefined) return refuse("it is not moving");
      if (!arriving.complete) refuse("not all of it is here: import it again");
      if (arriving.move !== receipt.move) refuse("the receipt is of another move");
      const { agent, move, head, signature } = receipt;
      const digest = hexToBytes(departureDigest({ agent, move, head }));
      const signed = this.#kernel.signer.verify(record.publicKey, digest, hexToBytes(signature));
      if (!signed || agent !== id) {
        throw new OpenAgentsError("DENIED", `Cannot let "${record.name}" arrive: a forged receipt`);
      }
      const same = head?.n === arriving.head?.n && head?.hash === arriving.head?.hash;
      if (!same) refuse("it did more at its old home than is known here: import it again");
      return this.settle(record);
    });
  }

  /** True for the ticket of a home that the agent left for this one. */
  async admits(ref: string, ticket: string): Promise<boolean> {
    const record = await this.#kernel.store.get(ref);
    return record !== undefined && (moveOf(record).tickets ?? []).includes(sha256Hex(ticket));
  }

  /** A bundle of the agent as it is between two ticks. */
  async export(
    id: string,
    options: { readonly move?: string | undefined; readonly to?: string | undefined },
  ): Promise<ReadableStream<Uint8Array>> {
    const { store, clock } = this.#kernel;
    const record = await this.#found(id);
    const { leaving } = moveOf(record);
    if (record.status === "leaving" && leaving?.move === options.move && leaving !== undefined) {
      this.#exporting.set(id, (this.#exporting.get(id) ?? 0) + 1);
      return this.#bundle({ ...record, status: leaving.was }, options, () => {
        const others = (this.#exporting.get(id) ?? 1) - 1;
        if (others > 0) this.#exporting.set(id, others);
        else this.#exporting.delete(id);
      });
    }
    checkHere(record);
    if (options.move !== undefined) {
      throw new OpenAgentsError("INVALID", `"${record.name}" does not leave by "${options.move}"`);
    }
    if (record.status === "terminated") {
      throw new OpenAgentsError("TERMINATED", `Cannot export "${record.name}": it is terminated`);
    }
    // No tick begins until the bundle has been read, or its reader is gone.
    const read = Promise.withResolvers<void>();
    return new Promise((resolve, reject) => {
      const held = this.#dispatcher.hold(id, async () => {
        const fresh = (await store.get(id)) ?? record;
        checkHere(fresh);
        await store.sync();
        resolve(
          watched(await this.#bundle(fresh, options, read.resolve), (ms, run) =>
            clock.after(ms, run),
          ),
        );
        await read.promise;
      });
      held.catch(reject);
    });
  }

  /** Gives an agent that is `arriving` the status it is to have. Nothing else may happen to it meanwhile. */
  async settle(record: AgentRecord): Promise<AgentRecord> {
    const { store, clock } = this.#kernel;
    const { id } = record;
    const note = moveOf(record);
    const { was, move } = note.arriving!;
    const [timer] = await store.files(id, { prefix: paths.timers, limit: 1 });
    const at = timer === undefined ? null : timerOf(timer.path).at;
    const claim = await store.claim(id, clock.now(), clock.now() + 1000);
    if (claim === undefined) throw new OpenAgentsError("BUSY", `"${record.name}" is held`);
    await store.release(claim, at);
    const live = await this.#write(record, was, { ...settled(note), past: over(note, move) });
    await store.sync();
    this.#takeUp(id, at);
    return live;
  }

  /** Takes back what was taken in of an agent: all of it, or down to where it had moved to before. */
  async undoArrival(record: AgentRecord): Promise<void> {
    const { store } = this.#kernel;
    const note = moveOf(record);
    const before = note.arriving?.before;
    this.#kernel.cache.delete(record.id);
    if (before === undefined) await store.remove(record.id);
    else {
      await store.clear(record.id);
      // Back to where it was before it began to arrive, which no agent does by itself.
      await store.setStatus(record.id, "moved", moveText({ ...settled(note), moved: before }));
    }
    await store.sync();
  }

  async #bundle(
    record: AgentRecord,
    { move, to }: { readonly move?: string | undefined; readonly to?: string | undefined },
    done: () => void,
  ): Promise<ReadableStream<Uint8Array>> {
    try {
      const manifest = await this.#manifest(record, { move, to });
      const { store, signer } = this.#kernel;
      return tarStream(bundleEntries({ store, signer, record, manifest }), done);
    } catch (error) {
      done();
      throw error;
    }
  }

  async #manifest(
    record: AgentRecord,
    { move, to }: { readonly move?: string | undefined; readonly to?: string | undefined },
  ): Promise<Manifest> {
    const { store, signer, clock, agents, version: runtime } = this.#kernel;
    const { key: _key, move: _move, ...agent } = record;
    const [version] = await store.read(record.id, [paths.version]);
    const definition = agents.get(record.type);
    const home = (await signer.home()).publicKey;
    const left = to === undefined && record.account !== null;
    const facts = {
      format: FORMAT,
      version: VERSION,
      createdAt: clock.now(),
      runtime,
      agent: left ? agent : { ...agent, account: null },
      key: left
        ? { signer: home }
        : {
            sealed: await signer.seal({ ...record, purpose: "bundle" }, to ?? home),
            for: to ?? home,
          },
      definition: {
        version: Number(version ?? 0),
        digest: definition === undefined ? sha256Hex("") : digestOf(definition),
      },
      mounts: [],
      head: (await store.head(record.id)) ?? null,
      ...(move !== undefined && { move }),
    } as const;
    const key = { ...record, purpose: "bundle" };
    const signature = bytesToHex(await signer.sign(key, hexToBytes(manifestDigest(facts))));
    return { ...facts, signature };
  }

  async #stay(record: AgentRecord): Promise<void> {
    const { store } = this.#kernel;
    const note = moveOf(record);
    const { was, move } = note.leaving!;
    await this.#write(record, was, { ...settled(note), past: over(note, move) });
    await store.sync();
    this.#forgetTimer(record.id);
    const [timer] = await store.files(record.id, { prefix: paths.timers, limit: 1 });
    this.#takeUp(record.id, timer === undefined ? null : timerOf(timer.path).at);
  }

  #takeUp(id: string, at: number | null): void {
    this.#dispatcher.wake(id);
    if (at !== null) this.#dispatcher.wakeAt(at);
    this.#events.settled();
  }

  /** Looks whether an agent that leaves has done so in time. */
  async #look(id: string): Promise<void> {
    const { store, clock } = this.#kernel;
    await this.#dispatcher.hold(id, async () => {
      const record = await store.get(id);
      const leaving = record?.status === "leaving" ? moveOf(record).leaving : undefined;
      if (record === undefined || leaving === undefined) return;
      // The time begins to run once the bundle has been read.
      if (this.#exporting.has(id)) this.#remind(id, clock.now() + STALL);
      else if (leaving.until > clock.now()) this.#remind(id, leaving.until);
      else await this.#stay(record);
    });
  }

  #remind(id: string, at: number): void {
    const { clock, waker } = this.#kernel;
    this.#forgetTimer(id);
    waker?.remind?.(at);
    const cancel = clock.after(Math.max(0, at - clock.now()), () => {
      this.#timers.delete(id);
      this.#look(id).catch((error: unknown) => {
        this.#events.failed("An agent that did not leave cannot be taken back", error);
      });
    });
    this.#timers.set(id, cancel);
  }

  #forgetTimer(id: string): void {
    this.#timers.get(id)?.();
    this.#timers.delete(id);
  }

  async #write(record: AgentRecord, status: AgentStatus, note: Move): Promise<AgentRecord> {
    checkTransition(record.status, status);
    this.#kernel.cache.delete(record.id);
    const move = moveText(note);
    await this.#kernel.store.setStatus(record.id, status, move);
    const { move: _before, ...rest } = record;
    return { ...rest, status, ...(move !== null && { move }) };
  }

  async #found(ref: string): Promise<AgentRecord> {
    const record = await this.#kernel.store.get(ref);
    if (record === undefined) throw new OpenAgentsError("NOT_FOUND", `There is no agent "${ref}"`);
    return record;
  }

  async #all(status: AgentStatus): Promise<readonly AgentRecord[]> {
    const records: AgentRecord[] = [];
    let cursor: string | undefined;
    do {
      const page = await this.#kernel.store.list({ limit: 1000, status, cursor });
      records.push(...page.items);
      cursor = page.cursor;
    } while (cursor !== undefined);
    return records;
  }
}

/** @throws TERMINATED, MOVED, BUSY for an agent that cannot leave */
function checkLeaving(record: AgentRecord): void {
  checkHere(record);
  if (record.status !== "terminated") return;
  throw new OpenAgentsError("TERMINATED", `Cannot move "${record.name}": it is terminated`);
}

/** The moves that are over, with one more: none of them can be taken up again. */
function over({ past = [] }: Move, move: string | undefined): readonly string[] {
  return move === undefined || past.includes(move) ? past : [...past, move];
}

function checkMoveId(move: unknown): void {
  if (isMoveId(move)) return;
  throw new OpenAgentsError(
    "INVALID",
    'Cannot move: "move" must be 1 to 64 letters, digits, "-" and "_"',
  );
}

/** The same stream, given up when nobody reads it for a while: an agent is held for it. */
function watched(
  stream: ReadableStream<Uint8Array>,
  after: (ms: number, run: () => void) => () => void,
): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  let stop = (): void => undefined;
  const watch = (give: (reason: unknown) => void): void => {
    stop();
    stop = after(STALL, () => {
      const reason = new OpenAgentsError("TIMEOUT", "Cannot export: nobody reads the bundle");
      give(reason);
      void reader.cancel(reason).catch(() => undefined);
    });
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        watch((reason) => controller.error(reason));
      },
      async pull(controller) {
        watch((reason) => controller.error(reason));
        try {
          const { done, value } = await reader.read();
          if (!done) return controller.enqueue(value);
          stop();
          controller.close();
        } catch (error) {
          stop();
          controller.error(error);
        }
      },
      async cancel(reason) {
        stop();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
