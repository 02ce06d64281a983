import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import { checkTransition } from "./agent.ts";
import type { AgentRecord, AgentStatus } from "./agent.ts";
import { checkHere, movedError } from "./between-homes.ts";
import { makeManifest } from "./bundle/make-manifest.ts";
import { isHex, isMoveId } from "./bundle/manifest.ts";
import { STALL, whileRead } from "./bundle/stall.ts";
import { bundleEntries, tarStream } from "./bundle/write.ts";
import type { Dispatcher } from "./dispatcher.ts";
import { OpenAgentsError } from "./errors.ts";
import { sha256Hex } from "./hash.ts";
import type { Kernel } from "./kernel.ts";
import { isLocked } from "./locked.ts";
import { departureDigest, moveOf, moveText, settled, stayedDigest } from "./move.ts";
import type { Departure, LeaveOptions, Move, MoveGoal, Stayed } from "./move.ts";
import { paths, timerOf } from "./tree.ts";

/** What the mover tells the runtime. */
export interface MoverEvents {
  /** Nothing that is waited for will happen to this agent here, for now at least. */
  readonly left: (id: string) => void;
  /** Carries an agent's outgoing mail, but for what has to wait; then nothing of it is under way. */
  readonly emptyOutbox: (id: string) => Promise<void>;
  /** Mail to an agent can go on, to it or to its new home. */
  readonly settled: () => void;
  readonly failed: (problem: string, error: unknown) => void;
}

/** How long an agent that leaves waits for its departure before it stays, ms. */
const WAIT = 300_000;
/** How long a tick that runs when an agent is to leave may go on, ms. */
const GRACE = 10_000;

/**
 * Moves agents from home to home. The commit of a move is `depart` at the old home, once; before it the
 * old home has the agent, after it the new one has. Each step is durable when it resolves.
 */
export class Mover {
  readonly #kernel: Kernel;
  readonly #dispatcher: Dispatcher;
  readonly #events: MoverEvents;
  /** Agents that leave and of which a bundle is being read, and how many. */
  readonly #exporting = new Map<string, number>();
  /** When the newest bundle of an agent that leaves was read. */
  readonly #read = new Map<string, number>();
  readonly #timers = new Map<string, () => void>();
  readonly #stopping = new AbortController();

  constructor(kernel: Kernel, dispatcher: Dispatcher, events: MoverEvents) {
    this.#kernel = kernel;
    this.#dispatcher = dispatcher;
    this.#events = events;
  }

  /** Takes up moves that were under way when the runtime ended: what cannot go on is taken back. */
  async start(): Promise<void> {
    await this.takeUp();
    for (const { id } of await this.#all("arriving")) {
      await this.#dispatcher.hold(id, async () => {
        const record = await this.#kernel.store.get(id);
        if (record !== undefined && moveOf(record).arriving?.complete === false) {
          await this.undoArrival(record);
        }
      });
    }
  }

  /** Has agents stay that have not left in time. */
  async takeUp(): Promise<void> {
    for (const { id } of await this.#all("leaving")) await this.#look(id);
  }

  /** Ends the bundles that are being read. */
  stop(): void {
    for (const cancel of this.#timers.values()) cancel();
    this.#stopping.abort(new OpenAgentsError("CANCELLED", "The runtime is stopping"));
  }

  async leave(
    id: string,
    { move, wait = WAIT }: LeaveOptions,
  ): Promise<{ readonly until: number }> {
    checkMoveId(move);
    const { clock, store } = this.#kernel;
    let until = 0;
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
        const now = clock.now();
        until = now + wait;
        const at = note.leaving?.move === move ? note.at! : Math.max(now, (note.at ?? 0) + 1);
        const leaving = { move, was, until, wait };
        await this.#write(record, "leaving", { ...note, past, at, leaving });
        await store.sync();
        this.#read.delete(id);
        this.#remind(id, until);
      });
    } finally {
      stopGrace();
    }
    this.#events.left(id);
    return { until };
  }

  /** Ends a move: an agent that leaves stays, and a copy that arrives is dropped. */
  async stay(id: string, move: string, word?: Stayed): Promise<Stayed | undefined> {
    return this.#dispatcher.hold(id, async () => {
      const record = await this.#kernel.store.get(id);
      if (record === undefined) return undefined;
      const { leaving, arriving, past } = moveOf(record);
      if (record.status === "leaving" && leaving?.move === move) {
        await this.#stay(record);
        return this.#word(record, move);
      }
      if (record.status === "arriving" && arriving?.move === move) {
        if (arriving.complete) this.#checkWord(record, move, word);
        await this.undoArrival(record);
        return undefined;
      }
      if (record.status === "moved") throw movedError(record);
      // As long as it lives here it has left by none of its moves.
      if (record.status !== "arriving" && past?.includes(move)) return this.#word(record, move);
      if (record.status !== "leaving" && record.status !== "arriving") return undefined;
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
      const refuse = (why: string): never => {
        throw new OpenAgentsError("INVALID", `Cannot let "${record.name}" go: ${why}`);
      };
      const address = URL.canParse(url) ? new URL(url) : undefined;
      if (!/^https?:$/.test(address?.protocol ?? "")) refuse(`"${url}" is no http address`);
      if (address?.username || address?.password)
        refuse("its new home has a password in its address");
      if (ticket === undefined) return refuse("the ticket of its new home is missing");
      const { to } = note.leaving;
      if (to === undefined) return refuse("no bundle of it was made");
      const facts = { agent: id, move, to, head: (await store.head(id)) ?? null };
      const key = { ...record, purpose: `departure ${move}` };
      const signature = await signer.sign(key, hexToBytes(departureDigest(facts)));
      const receipt = { ...facts, signature: bytesToHex(signature) };
      const moved = { move, url, ticket, policy, receipt };
      await this.#write(record, "moved", { ...settled(note), moved });
      await store.sync();
      this.#left(id);
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
      const { agent, move, to, head, signature } = receipt;
      const digest = hexToBytes(departureDigest({ agent, move, to, head }));
      const signed =
        isHex(signature, 128) &&
        this.#kernel.signer.verify(record.publicKey, digest, hexToBytes(signature));
      if (!signed || agent !== id) {
        throw new OpenAgentsError("DENIED", `Cannot let "${record.name}" arrive: a forged receipt`);
      }
      const home = await this.#kernel.signer.home();
      if (to !== home.publicKey) {
        throw new OpenAgentsError(
          "DENIED",
          `Cannot let "${record.name}" arrive: it left for another home (${this.#kernel.signer.npub(to)})`,
        );
      }
      const here = await this.#kernel.store.head(id);
      const same = [arriving.head, here].every(
        (one) => one?.n === head?.n && one?.hash === head?.hash,
      );
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
      const ended = (): void => {
        const others = (this.#exporting.get(id) ?? 1) - 1;
        if (others > 0) this.#exporting.set(id, others);
        else this.#exporting.delete(id);
        this.#read.set(id, clock.now());
      };
      try {
        await this.#bind(id, leaving.move, options.to);
        await this.#events.emptyOutbox(id);
      } catch (error) {
        ended();
        throw error;
      }
      return this.#bundle({ ...record, status: leaving.was }, options, { ended });
    }
    checkHere(record);
    if (options.move !== undefined) {
      throw new OpenAgentsError("INVALID", `"${record.name}" does not leave by "${options.move}"`);
    }
    if (record.status === "terminated") {
      throw new OpenAgentsError("TERMINATED", `Cannot export "${record.name}": it is terminated`);
    }
    // No tick begins until the bundle has been made, or its reader is gone.
    const made = Promise.withResolvers<void>();
    return new Promise((resolve, reject) => {
      const held = this.#dispatcher.hold(id, async () => {
        const fresh = (await store.get(id)) ?? record;
        checkHere(fresh);
        await store.sync();
        resolve(await this.#bundle(fresh, options, { made: made.resolve }));
        await made.promise;
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
    const last = Math.max(note.at ?? 0, note.arriving!.createdAt);
    const past = over(note, move);
    const live = await this.#write(record, was, { ...settled(note), past, at: last });
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

  /** Notes which home a move goes to: one alone. @throws INVALID for a second one */
  async #bind(id: string, move: string, wanted: string | undefined): Promise<void> {
    const { store, signer } = this.#kernel;
    const to = wanted ?? (await signer.home()).publicKey;
    await this.#dispatcher.hold(id, async () => {
      const record = await this.#found(id);
      const note = moveOf(record);
      const { leaving } = note;
      if (record.status !== "leaving" || leaving?.move !== move || leaving.to === to) return;
      if (leaving.to !== undefined) {
        throw new OpenAgentsError(
          "INVALID",
          `Cannot export "${record.name}": move "${move}" goes to another home: begin another one`,
        );
      }
      await this.#write(record, "leaving", { ...note, leaving: { ...leaving, to } });
      await store.sync();
    });
  }

  async #bundle(
    record: AgentRecord,
    { move, to }: { readonly move?: string | undefined; readonly to?: string | undefined },
    { made = () => undefined, ended = () => undefined }: { made?: () => void; ended?: () => void },
  ): Promise<ReadableStream<Uint8Array>> {
    try {
      const manifest = await makeManifest(this.#kernel, record, { move, to });
      const { store, signer, clock } = this.#kernel;
      const stream = tarStream(bundleEntries({ store, signer, record, manifest }), made);
      return whileRead(stream, {
        after: (ms, run) => clock.after(ms, run),
        signal: this.#stopping.signal,
        ended,
      });
    } catch (error) {
      made();
      ended();
      throw error;
    }
  }

  async #stay(record: AgentRecord): Promise<void> {
    const { store } = this.#kernel;
    const note = moveOf(record);
    const { was, move } = note.leaving!;
    await this.#write(record, was, { ...settled(note), past: over(note, move) });
    await store.sync();
    this.#left(record.id);
    const [timer] = await store.files(record.id, { prefix: paths.timers, limit: 1 });
    this.#takeUp(record.id, timer === undefined ? null : timerOf(timer.path).at);
  }

  /** What tells the new home that it may drop its copy; undefined while the keys are locked. */
  async #word(record: AgentRecord, move: string): Promise<Stayed | undefined> {
    const facts = { agent: record.id, move };
    const key = { ...record, purpose: `stay ${move}` };
    try {
      const signature = await this.#kernel.signer.sign(key, hexToBytes(stayedDigest(facts)));
      return { ...facts, signature: bytesToHex(signature) };
    } catch (error) {
      if (isLocked(error)) return undefined;
      throw error;
    }
  }

  /** @throws INVALID, DENIED when what is here may be all that there is of an agent */
  #checkWord({ id, name, publicKey }: AgentRecord, move: string, word: Stayed | undefined): void {
    if (word === undefined) {
      throw new OpenAgentsError(
        "INVALID",
        `Cannot drop "${name}": all of it is here, and its old home has not said that it stayed there`,
      );
    }
    const digest = hexToBytes(stayedDigest({ agent: id, move }));
    const { signature } = word;
    const signed =
      isHex(signature, 128) && this.#kernel.signer.verify(publicKey, digest, hexToBytes(signature));
    if (!signed) throw new OpenAgentsError("DENIED", `Cannot drop "${name}": a forged word`);
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
      const read = this.#read.get(id);
      const until = Math.max(leaving.until, read === undefined ? 0 : read + leaving.wait);
      if (this.#exporting.has(id)) this.#remind(id, clock.now() + STALL);
      else if (until > clock.now()) this.#remind(id, until);
      else await this.#stay(record);
    });
  }

  #remind(id: string, at: number): void {
    const { clock, waker } = this.#kernel;
    this.#forgetTimer(id);
    waker?.remind?.("move", at);
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

  /** The agent leaves no more. */
  #left(id: string): void {
    this.#forgetTimer(id);
    this.#kernel.waker?.remind?.("move", undefined);
    this.#read.delete(id);
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
