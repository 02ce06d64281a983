import { identityOf } from "./address.ts";
import { isNpub } from "./agent.ts";
import type { AgentRecord } from "./agent.ts";
import { agentPeers, agentState, infoOf, keyInfoOf, reportOf } from "./agent-info.ts";
import { checkHere } from "./between-homes.ts";
import { Courier } from "./courier.ts";
import type { Envelope } from "./envelope.ts";
import type { RuntimeDefinition } from "./runtime-definition.ts";
import { DedupWindow } from "./dedup-window.ts";
import { Dispatcher } from "./dispatcher.ts";
import { Operators } from "./operators.ts";
import { OpenAgentsError, PausedError } from "./errors.ts";
import type { LiveEvent } from "./followers.ts";
import type { RunningTick } from "./live-tick.ts";
import { Importer } from "./importer.ts";
import type { Json } from "./json.ts";
import type { Kernel } from "./kernel.ts";
import { Lifecycle } from "./lifecycle.ts";
import { lockedError } from "./locked.ts";
import { controlEnvelope, Mailroom } from "./mailroom.ts";
import type { Departure, Imported, LeaveOptions, MoveGoal, SetAside, Stayed } from "./move.ts";
import { makeKernel } from "./make-kernel.ts";
import { Mover } from "./mover.ts";
import { newAgent } from "./new-agent.ts";
import type { Identity, LogRow, MailRow, Page, Receipt } from "./ports/index.ts";
import type { Peer } from "./ports/memory.ts";
import type {
  AgentInfo,
  AgentReport,
  Answer,
  AskOptions,
  ExportOptions,
  KeyInfo,
  ListAgents,
  MailInput,
  NewAgent,
  Runtime,
  RuntimeMetrics,
  Sent,
  TickEvent,
} from "./runtime.ts";
import type { RuntimePorts } from "./runtime-ports.ts";
import type { Ticked } from "./tick.ts";
import { tellMismatch } from "./supervisor.ts";
import type { TickRecord, Verdict } from "./trajectory.ts";
import { verifyAgent } from "./verify.ts";
import { Watchers } from "./watchers.ts";

/** How long after a failure of the store what was due is taken up again, ms. */
const RECOVERY = 1_000;
/** How long after a crash nothing is acted on before it is durable, ms. */
const CAREFUL = 600_000;

/** A runtime over the given ports. Nothing happens before `start()`. */
export function createRuntime(ports: RuntimePorts): Runtime {
  return new KernelRuntime(ports);
}

class KernelRuntime implements Runtime {
  readonly #kernel: Kernel;
  readonly #definition: RuntimeDefinition;
  readonly #dispatcher: Dispatcher;
  readonly #courier: Courier;
  readonly #onProblem: (problem: string, error: unknown) => void;
  readonly #onSettled: (agent: AgentRecord) => void;
  readonly #mailroom: Mailroom;
  readonly #lifecycle: Lifecycle;
  readonly #mover: Mover;
  readonly #importer: Importer;
  readonly #operators: Operators;
  readonly #watchers: Watchers;
  readonly #window: DedupWindow;
  #started = false;
  #stopped = false;
  #recovery: (() => void) | undefined;

  readonly update: Runtime["update"] = (...args) => this.#operators.update(...args);
  readonly pause: Runtime["pause"] = (...args) => this.#operators.pause(...args);
  readonly resume: Runtime["resume"] = (...args) => this.#operators.resume(...args);
  readonly cancel: Runtime["cancel"] = (...args) => this.#operators.cancel(...args);
  readonly goals: Runtime["goals"] = (...args) => this.#operators.goals(...args);
  readonly addGoal: Runtime["addGoal"] = (...args) => this.#operators.addGoal(...args);
  readonly updateGoal: Runtime["updateGoal"] = (...args) => this.#operators.updateGoal(...args);
  readonly removeGoal: Runtime["removeGoal"] = (...args) => this.#operators.removeGoal(...args);
  readonly fs: Runtime["fs"] = (...args) => this.#operators.fs(...args);
  readonly files: Runtime["files"] = (...args) => this.#operators.files(...args);
  readonly searchMemory: Runtime["searchMemory"] = (...args) =>
    this.#operators.searchMemory(...args);
  readonly alarms: Runtime["alarms"] = (...args) => this.#operators.alarms(...args);

  constructor(ports: RuntimePorts) {
    this.#definition = ports.definition;
    this.#onProblem = ports.onProblem ?? (() => undefined);
    this.#onSettled = ports.onSettled ?? (() => undefined);
    this.#watchers = new Watchers(this.#onProblem);
    this.#kernel = makeKernel(ports, {
      watchers: this.#watchers,
      problem: this.#onProblem,
      held: (source) => this.#mailroom.held(source),
    });
    this.#dispatcher = new Dispatcher(this.#kernel, {
      ticked: (ticked) => this.#ticked(ticked),
      failed: (id, error) => this.#turnFailed(id, error),
      lost: (error) => this.#recover("An operation could not be made durable", error),
      idle: () => this.#rest(),
    });
    this.#courier = new Courier(this.#kernel, {
      delivered: (id) => this.#dispatcher.wake(id),
      born: (agent) => this.#born(agent),
      failed: (error) => this.#recover("Cannot deliver outgoing mail", error),
      idle: () => this.#rest(),
    });
    this.#mailroom = new Mailroom(this.#kernel, {
      watchers: this.#watchers,
      wake: (id) => this.#dispatcher.wake(id),
    });
    this.#lifecycle = new Lifecycle(this.#kernel, {
      dispatcher: this.#dispatcher,
      mailroom: this.#mailroom,
      courier: this.#courier,
    });
    this.#mover = new Mover(this.#kernel, this.#dispatcher, {
      left: (id) => this.#mailroom.stop(id),
      emptyOutbox: (id) => this.#courier.empty(id),
      settled: () => this.#courier.poke(),
      failed: (problem, error) => this.#onProblem(problem, error),
    });
    this.#importer = new Importer(this.#kernel, this.#dispatcher, this.#mover);
    this.#operators = new Operators(this.#kernel, {
      dispatcher: this.#dispatcher,
      lifecycle: this.#lifecycle,
      mailroom: this.#mailroom,
      ticked: (ticked) => this.#ticked(ticked),
    });
    this.#window = new DedupWindow(this.#kernel, (error) =>
      this.#onProblem("Cannot shorten the dedup window", error),
    );
  }

  async start(): Promise<void> {
    if (await this.#kernel.store.crashed())
      this.#kernel.carefulUntil = this.#kernel.startedAt + CAREFUL;
    await this.#makeEnsured();
    await this.#mover.start();
    this.#started = true;
    // Whoever keeps the time says when something is due; to begin is to be quick.
    if (this.#kernel.waker === undefined) await this.takeUp();
    else {
      this.#dispatcher.open();
      this.#courier.poke();
    }
    this.#window.start();
  }

  async takeUp(): Promise<void> {
    await this.#mover.takeUp();
    await this.#dispatcher.start();
    this.#courier.takeUp();
  }

  async pauseAll(): Promise<void> {
    await this.#kernel.brake.set(true);
    this.#mailroom.braked((id) => this.#dispatcher.runs(id));
  }

  async resumeAll(): Promise<void> {
    await this.#kernel.brake.set(false);
    if (this.#started && !this.#stopped) await this.takeUp();
  }

  async paused(): Promise<boolean> {
    return this.#kernel.brake.on();
  }

  async settled(): Promise<void> {
    await this.#dispatcher.settled();
    await this.#courier.idle();
    if (this.#dispatcher.busy) await this.settled();
  }

  careful(): void {
    this.#kernel.carefulUntil = this.#kernel.clock.now() + CAREFUL;
  }

  async stop(grace = 10_000): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#recovery?.();
    this.#window.stop();
    this.#mover.stop();
    await this.#dispatcher.stop(grace);
    await this.#courier.idle();
    await this.#kernel.store.sync().catch(() => undefined);
    this.#mailroom.stop();
    await this.#kernel.store.close();
  }

  async create(wanted: NewAgent): Promise<AgentInfo> {
    return this.admit(await newAgent(this.#kernel, wanted));
  }

  async unlock(passphrase: string): Promise<void> {
    await this.#kernel.keyWaits.open(passphrase);
    // What is due begins with its start, and ends with its stop.
    if (!this.#started || this.#stopped) return;
    await this.#makeEnsured().catch((error: unknown) =>
      this.#onProblem("Cannot make the agents that are to be there", error),
    );
    await this.takeUp();
  }

  async admit(record: AgentRecord): Promise<AgentInfo> {
    const { store } = this.#kernel;
    await store.create(record, controlEnvelope(this.#kernel, record.id, "initialize"));
    this.#dispatcher.wake(record.id);
    await store.sync();
    this.#onSettled(record);
    return this.#info(record);
  }

  /** An agent was made by another one; whoever is told may tell others, and so only once that is durable. */
  #born(record: AgentRecord): void {
    this.#dispatcher.wake(record.id);
    this.#kernel.store.sync().then(
      () => this.#onSettled(record),
      () => undefined,
    );
  }

  async accept(envelopes: readonly Envelope[]): Promise<readonly Receipt[]> {
    return this.#mailroom.accept(envelopes);
  }

  async deliver(envelopes: readonly Envelope[], hops: number = 0): Promise<readonly Receipt[]> {
    return this.#mailroom.deliver(envelopes, hops);
  }

  async get(ref: string): Promise<AgentInfo> {
    return this.#info(await this.#find(ref));
  }

  async list(query: ListAgents = {}): Promise<Page<AgentInfo>> {
    const limit = Math.min(Math.max(query.limit ?? 100, 1), 1000);
    const parent = query.parent && (await this.#idOf(query.parent));
    // A name of nobody is that of nobody's parent.
    if (query.parent !== undefined && parent === undefined) return { items: [] };
    const { items, cursor } = await this.#kernel.store.list({ ...query, limit, parent });
    return { items: items.map((record) => this.#info(record)), cursor };
  }

  async status(ref: string): Promise<AgentReport> {
    const record = await this.#find(ref);
    const report = await reportOf(this.#kernel.store, record, this.#kernel.clock.now());
    await this.#kernel.store.sync();
    const { type } = record;
    const problem = this.#kernel.agents.has(type)
      ? undefined
      : `There is no agent type "${type}" in this runtime: what is due waits until there is`;
    return { ...this.#info(record), ...report, ...(problem !== undefined && { problem }) };
  }

  async state(ref: string): Promise<Record<string, Json>> {
    return agentState(this.#kernel.store, (await this.#atHome(ref)).id);
  }

  async send(ref: string, mail: MailInput): Promise<Sent> {
    return this.#mailroom.send(await this.#find(ref), mail);
  }

  async ask(ref: string, mail: MailInput, options: AskOptions): Promise<Answer> {
    return this.#mailroom.ask(await this.#find(ref), mail, options);
  }

  async tick(ref: string): Promise<TickRecord> {
    return this.#lifecycle.tick(await this.#find(ref));
  }

  async wake(ref: string): Promise<TickRecord> {
    return this.#lifecycle.wake(await this.#find(ref));
  }

  async hibernate(ref: string): Promise<TickRecord> {
    return this.#lifecycle.hibernate(await this.#find(ref));
  }

  async terminate(ref: string): Promise<void> {
    await this.#lifecycle.terminate(await this.#find(ref));
  }

  async purge(ref: string): Promise<void> {
    await this.#lifecycle.purge(await this.#find(ref));
  }

  async log(ref: string, after: number, limit: number): Promise<readonly LogRow[]> {
    const { id } = await this.#find(ref);
    const rows = await this.#kernel.store.log(id, after, limit);
    // What is shown must not be undone by a crash.
    await this.#kernel.store.sync();
    return rows;
  }

  async verify(ref: string): Promise<Verdict> {
    const { id } = await this.#find(ref);
    return this.#dispatcher.hold(id, () => verifyAgent(this.#kernel.store, id));
  }

  async inbox(ref: string, after: number, limit: number): Promise<readonly MailRow[]> {
    const { id } = await this.#atHome(ref);
    return this.#kernel.store.mail(id, { box: "inbox", after, limit });
  }

  async deadLetters(ref: string, after: number, limit: number): Promise<readonly MailRow[]> {
    const { id } = await this.#atHome(ref);
    return this.#kernel.store.mail(id, { box: "deadletter", after, limit });
  }

  async peers(ref: string, after: string, limit: number): Promise<readonly Peer[]> {
    const { id } = await this.#find(ref);
    return agentPeers(this.#kernel.store, id, { after, limit });
  }

  async resolve(ref: string): Promise<Identity> {
    return identityOf(this.#kernel, ref);
  }

  async replay(ref: string, envelopeId: string): Promise<void> {
    await this.#lifecycle.replay(await this.#here(ref), envelopeId);
  }

  async discard(ref: string, envelopeId: string): Promise<void> {
    await this.#lifecycle.discard(await this.#here(ref), envelopeId);
  }

  async key(ref: string): Promise<KeyInfo> {
    return keyInfoOf(await this.#find(ref));
  }

  async exportKey(ref: string, password: string): Promise<string> {
    const record = await this.#find(ref);
    const key = await this.#kernel.signer.exportKey({ ...record, purpose: "ncryptsec" }, password);
    await this.#lifecycle.note(record);
    return key;
  }

  async identity(): Promise<Identity> {
    return this.#kernel.signer.home();
  }

  async export(ref: string, options: ExportOptions = {}): Promise<ReadableStream<Uint8Array>> {
    return this.#mover.export((await this.#find(ref)).id, options);
  }

  async import(bundle: ReadableStream<Uint8Array>, options: SetAside = {}): Promise<Imported> {
    const { record, ...rest } = await this.#importer.import(bundle, options);
    if (record.status !== "arriving") this.#onSettled(record);
    return { agent: this.#info(record), ...rest };
  }

  async leave(ref: string, options: LeaveOptions): Promise<{ readonly until: number }> {
    return this.#mover.leave((await this.#find(ref)).id, options);
  }

  async stay(ref: string, move: string, word?: Stayed): Promise<Stayed | undefined> {
    const record = await this.#kernel.store.get(ref);
    return record && this.#mover.stay(record.id, move, word);
  }

  async depart(ref: string, goal: MoveGoal): Promise<Departure> {
    return this.#mover.depart((await this.#find(ref)).id, goal);
  }

  async arrive(ref: string, receipt: Departure): Promise<AgentInfo> {
    const record = await this.#mover.arrive((await this.#find(ref)).id, receipt);
    this.#onSettled(record);
    return this.#info(record);
  }

  async admits(ref: string, ticket: string): Promise<boolean> {
    return this.#mover.admits(ref, ticket);
  }

  watch(id: string | undefined, listener: (tick: TickEvent) => void): () => void {
    return this.#watchers.watch(id, listener);
  }

  follow(id: string, listener: (event: LiveEvent) => void): () => void {
    return this.#kernel.followers.follow(id, listener);
  }

  running(id: string): RunningTick | undefined {
    return this.#kernel.followers.running(id);
  }

  metrics(): RuntimeMetrics {
    return {
      startedAt: this.#kernel.startedAt,
      ticks: this.#kernel.counters.ticks,
      failures: this.#kernel.counters.failures,
      running: this.#dispatcher.running,
      ready: this.#dispatcher.ready,
      cached: this.#kernel.cache.size,
      locked: this.#kernel.keyWaits.locked,
      counts: this.#kernel.counters.snapshot(),
    };
  }

  /** A tick is applied: the courier may go, watchers hear of it once it is durable. */
  #ticked(ticked: Ticked): void {
    if (ticked.sent) this.#courier.poke();
    const { store, clock } = this.#kernel;
    const committed = clock.now();
    store.sync().then(
      () => this.#publish(ticked, clock.now() - committed),
      (error: unknown) => this.#recover("Cannot make a tick durable", error),
    );
  }

  #publish({ agent, record, output, lag, trace }: Ticked, sync: number): void {
    this.#kernel.counters.ticked(record, lag, sync);
    tellMismatch(record, this.#onProblem);
    this.#watchers.publish({ agent, record, output, ...(trace !== undefined && { trace }) });
  }

  #turnFailed(id: string, error: unknown): void {
    const code = error instanceof OpenAgentsError ? error.code : undefined;
    // Cut off, or the keys were opened while it ran.
    if (code === "CANCELLED" || (code === "LOCKED" && this.#kernel.keyWaits.opened)) {
      if (!this.#stopped) this.#dispatcher.wake(id);
      if (error instanceof PausedError) void this.#tellBraked();
      return;
    }
    if (code === "NOT_FOUND") return; // It was purged.
    if (code === "STORE" || id === "") {
      this.#recover("A tick could not be committed", error);
      return;
    }
    this.#onProblem("An agent cannot be ticked", error);
    if (code === "CONFIG" || this.#stopped) return;
    this.#kernel.clock.after(RECOVERY, () => this.#dispatcher.wake(id));
  }

  /** A tick that was cut off by the brake may have been a command. */
  async #tellBraked(): Promise<void> {
    if (await this.paused().catch(() => false)) {
      this.#mailroom.braked((agent) => this.#dispatcher.runs(agent));
    }
  }

  /** The store lost what was not durable: nothing in memory holds, and all that is due is due again. */
  #recover(problem: string, error: unknown): void {
    this.#onProblem(problem, error);
    this.#kernel.cache.clear();
    // The start takes up all that is due.
    if (!this.#started || this.#stopped || this.#recovery !== undefined) return;
    this.#recovery = this.#kernel.clock.after(RECOVERY, () => {
      this.#recovery = undefined;
      this.takeUp().catch((again: unknown) => this.#recover(problem, again));
    });
  }

  async #find(ref: string): Promise<AgentRecord> {
    const record = await this.#kernel.store.get(ref);
    if (record === undefined) throw new OpenAgentsError("NOT_FOUND", `There is no agent "${ref}"`);
    return record;
  }

  /** The npub of an agent, which need not be here where it is named by that. */
  async #idOf(ref: string): Promise<string | undefined> {
    return isNpub(ref) ? ref : (await this.#kernel.store.get(ref))?.id;
  }

  /** @throws MOVED, BUSY when what is stored here of an agent is not what it has */
  async #atHome(ref: string): Promise<AgentRecord> {
    const record = await this.#find(ref);
    if (record.status !== "leaving") checkHere(record);
    return record;
  }

  /** @throws BUSY, MOVED when it is between two homes */
  async #here(ref: string): Promise<AgentRecord> {
    const record = await this.#find(ref);
    checkHere(record);
    return record;
  }

  #info(record: AgentRecord): AgentInfo {
    return infoOf(record, this.#kernel.cache.has(record.id));
  }

  /** Makes the agents that are to be there; not before the keys are open, if they are locked. */
  async #makeEnsured(): Promise<void> {
    const { store, keyWaits } = this.#kernel;
    for (const wanted of this.#definition.ensure) {
      if ((await store.get(wanted.name)) !== undefined) continue;
      if (keyWaits.locked) return this.#onProblem("Some agents are not made yet", lockedError());
      await this.create(wanted);
    }
  }

  #rest(): void {
    if (!this.#dispatcher.busy && !this.#courier.busy) this.#kernel.waker?.idle();
  }
}
