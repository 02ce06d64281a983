import { newAlarm } from "./alarms.ts";
import type { AlarmFile } from "./alarms.ts";
import { parentNote } from "./births.ts";
import { Meter } from "./budget.ts";
import { Children, ownLimit } from "./children.ts";
import type {
  Context,
  ContextBudget,
  ContextIdentity,
  Log,
  PublicEvent,
  RequestOptions,
  SendOptions,
  SpawnOptions,
  StepOptions,
  StepTools,
  When,
} from "./context.ts";
import { contextIdentity } from "./context-identity.ts";
import type { Duration } from "./duration.ts";
import { toMs } from "./duration.ts";
import { PUBLIC, triggerOf } from "./envelope.ts";
import type { Envelope, EnvelopeType, Trigger } from "./envelope.ts";
import { isNpub } from "./agent.ts";
import { OpenAgentsError, PausedError } from "./errors.ts";
import { GivenOut, plain } from "./given-out.ts";
import type { LiveTick } from "./live-tick.ts";
import type { Json } from "./json.ts";
import { newId } from "./kernel.ts";
import type { Kernel, LoadedAgent } from "./kernel.ts";
import { checkLabel } from "./label.ts";
import { letterOf } from "./letter-of.ts";
import { readText } from "./load.ts";
import { memoryOver } from "./memory.ts";
import type { Wait } from "./parked.ts";
import type { Occasion } from "./perceive.ts";
import type { Claim, SecretSource, Span, Value } from "./ports/index.ts";
import type { AgentTree } from "./ports/agent-face.ts";
import type { AgentFiles, TickMemory } from "./ports/memory.ts";
import type { Thought } from "./ports/model.ts";
import { publicEvent } from "./public-event.ts";
import { StateDraft } from "./state.ts";
import type { State } from "./state.ts";
import { Steps } from "./steps.ts";
import { TickFiles } from "./tick-files.ts";
import { tickSecrets } from "./tick-secrets.ts";
import { openFiles, tickTree } from "./tick-tree.ts";
import { paths } from "./tree.ts";
import { TreeDraft } from "./tree-draft.ts";
import { Waits } from "./waits.ts";
import type { LogLine, StepNote, TickOutput } from "./trajectory.ts";

/** What a session needs to know. */
export interface SessionInput {
  readonly agent: LoadedAgent;
  readonly claim: Claim;
  readonly occasion: Occasion;
  readonly live: LiveTick | undefined;
  /** The tick's, where ticks are traced: steps are in it. */
  readonly span: Span | undefined;
}

/** How the run of a hook ended. */
export type Ending =
  | { readonly kind: "done" }
  | { readonly kind: "parked"; readonly waits: readonly Wait[] }
  | { readonly kind: "failed"; readonly error: unknown };

/** After a tick was cut off, its running steps get this long to end and be journaled, ms. */
const STEP_GRACE = 1_000;
/** Of what a hook did not ask for again so many are named. */
const UNASKED = 10;

/**
 * One run of a hook: what its context does, and everything it asked for, collected until REMEMBER
 * commits it or drops it. Agent code has a `TickContext` in its hands and never this.
 */
export class Session {
  readonly agent: Context["agent"];
  readonly trigger: Trigger;
  readonly identity: ContextIdentity;
  /** The home's secrets, for what is asked outside: nothing of it is for agent code. */
  readonly secrets: SecretSource | undefined;
  readonly log: Log;

  readonly draft: StateDraft;
  /** The files that the tick changes beside the state. */
  readonly files: TreeDraft;
  /** Mail for agents, in order. */
  readonly mail: Envelope[] = [];
  /** Requests that are new in this run: they leave also when the tick is parked. */
  readonly requests: Envelope[] = [];
  /** Alarms set, and ones taken back (undefined), by id. */
  readonly alarms: Map<string, AlarmFile | undefined> = new Map();
  /** Alarms of which no firing is to be tried again. */
  readonly takenBack: Set<string> = new Set();
  readonly steps: StepNote[];
  /** Counts what the steps cost. */
  readonly meter: Meter;
  readonly #given: GivenOut;

  readonly #kernel: Kernel;
  readonly #input: SessionInput;
  readonly #waits: Waits;
  readonly #steps: Steps;
  #children: Children | undefined;
  #memory: TickMemory | undefined;
  #fs: TickFiles | undefined;
  #tree: AgentTree | undefined;
  #thought: Thought | undefined;
  #abort: AbortController | undefined;
  #cutBy: unknown;
  #timedOut = false;
  #isOpen = true;
  #end: ((ending: Ending) => void) | undefined;
  #onCut: (() => void) | undefined;

  /** `before` is the failed session that this one follows: its steps and log lines are kept. */
  constructor(kernel: Kernel, input: SessionInput, before?: Session) {
    const { record, state } = input.agent;
    this.steps = before?.steps ?? [];
    this.#given = new GivenOut(kernel.limits, () => kernel.clock.now(), before && before.#given);
    this.meter =
      before?.meter ??
      new Meter({
        budget: () => ownLimit(input.agent, this.files),
        now: () => kernel.clock.now(),
        read: (path) => readText(kernel.store, record.id, path),
      });
    this.#kernel = kernel;
    this.#input = input;
    const { id, name, type, parent } = record;
    this.agent = { id, name, type, ...(parent !== undefined && { parent }) };
    this.trigger = Object.freeze(triggerOf(input.occasion.envelope));
    this.draft = new StateDraft(state);
    const use = {
      check: () => this.#check(),
      locked: (error: unknown) => this.cut(error),
    };
    this.identity = contextIdentity(kernel, record, use);
    this.secrets = kernel.secrets && tickSecrets(kernel.secrets, use);
    this.#steps = new Steps(kernel, input, {
      ...use,
      isOpen: () => this.#isOpen,
      signal: () => this.signal,
      note: (note) => this.#stepEnded(note),
      quiet: () => {
        if (this.#steps.stuck) this.cut(new PausedError());
        else this.#waits.look();
      },
      meter: () => this.meter,
    });
    this.#waits = new Waits(kernel, input, {
      busy: () => this.#steps.busy,
      park: (waits) => this.#end?.({ kind: "parked", waits }),
      misfit: (error) => this.cut(error),
    });
    this.files = new TreeDraft(kernel.store, { id: record.id, limit: kernel.limits.valueBytes });
    if (before === undefined) {
      const owed = kernel.owed.take(record.id);
      if (owed !== undefined) this.meter.countTally(owed);
    }
    // What was spent is spent, however the session before has ended.
    for (const [path, content] of before?.spent() ?? []) this.files.write(path, content);
    this.log = this.#given.log(() => this.#check());
  }

  /** Runs `work` to its end: it returns or throws, or it waits for nothing but the outside. */
  async run(work: () => Promise<unknown>): Promise<Ending> {
    const { clock } = this.#kernel;
    const stopTimer = clock.after(this.#input.agent.definition.timeout, () => {
      this.#timedOut = this.#cutBy === undefined;
      this.cut(new OpenAgentsError("TIMEOUT", "The tick ran longer than its timeout"));
    });
    const ending = await new Promise<Ending>((resolve) => {
      this.#end = resolve;
      if (this.#cutBy !== undefined) return resolve({ kind: "failed", error: this.#cutBy });
      work().then(
        () => resolve({ kind: "done" }),
        (error: unknown) => resolve({ kind: "failed", error }),
      );
    });
    this.#fs?.end();
    this.#waits.end();
    await this.#letStepsEnd();
    stopTimer();
    if (this.#cutBy !== undefined) this.#steps.leave(this.#cutBy);
    this.#isOpen = false;
    this.draft.close();
    return this.#cutBy === undefined ? ending : { kind: "failed", error: this.#cutBy };
  }

  /** Ends the run with an error, whatever the hook is doing. False when it is over. */
  cut(error: unknown): boolean {
    if (!this.#isOpen) return false;
    this.#cutBy = error;
    this.#abort?.abort(error);
    this.#fs?.end();
    this.#steps.cut(error);
    this.#end?.({ kind: "failed", error });
    this.#onCut?.();
    return true;
  }

  /** Begins no more steps: where one is to begin the run is cut off, once those at work have ended. */
  pause(): void {
    this.#steps.pause();
  }

  /** True when the tick was cut off because somebody wanted it to end, not because it took long. */
  get cancelled(): boolean {
    return this.#cutBy instanceof OpenAgentsError && this.#cutBy.code === "CANCELLED";
  }

  /** True when the tick was cut off because it took long, and not for what happened before. */
  get timedOut(): boolean {
    return this.#timedOut && !this.cancelled;
  }

  /** Runs a hook that is not the trigger's own. @throws MISMATCH as `checkReplay` */
  within(hook: string, run: () => unknown): Promise<void> {
    return this.#input.occasion.journal.within(hook, async () => {
      await run();
      this.checkReplay();
    });
  }

  /** Notes what is journaled and was not asked for. @throws MISMATCH when the hook has ended before it asked for all that other code has asked for */
  checkReplay(): void {
    this.#waits.checkEnd();
    const { unasked } = this.#input.occasion.journal.replay;
    if (unasked.length === 0) return;
    const keys = unasked.slice(0, UNASKED).join(", ");
    const more = unasked.length > UNASKED ? ` and ${unasked.length - UNASKED} more` : "";
    this.note("warn", `The hook ended and did not ask for what it did before: ${keys}${more}`);
  }

  /** What is given to the outside when the tick is done; log lines alone when it is not. */
  output(done: boolean): TickOutput {
    return this.#given.output(done);
  }

  /** What was written to mounts that have a budget: of the files, those that stay however the tick ends. */
  *spent(): Generator<readonly [path: string, content: Value]> {
    for (const [path, content] of this.files.changes) {
      if (path.startsWith(paths.budgets) && content !== undefined) yield [path, content];
    }
  }

  /** True once the trigger was answered. */
  replied = false;

  get state(): State {
    this.#check();
    return this.draft.view;
  }

  set state(next: State) {
    this.#check();
    this.draft.replace(next);
  }

  /** @throws CONFIG where the runtime was made without a memory */
  get memory(): TickMemory {
    this.#check();
    return (this.#memory ??= memoryOver(this.#kernel, this.#open()));
  }

  /** The files while the tick runs. */
  #open(): AgentFiles {
    return openFiles(() => {
      this.#check();
      return this.files;
    });
  }

  get fs(): TickFiles {
    this.#fs ??= new TickFiles({
      tree: () => (this.#tree ??= this.tree("agent")),
      later: (name) => this.#steps.later(name),
      check: () => this.#check(),
      note: (note) => this.#stepEnded(note),
    });
    return this.#fs;
  }

  get children(): Children {
    const { agent, occasion } = this.#input;
    this.#children ??= new Children(this.#kernel, {
      record: agent.record,
      definition: agent.definition,
      trigger: occasion.envelope.id,
      gone: occasion.parked?.spawned ?? [],
      files: this.#open(),
      hold: (choose) => this.meter.hold(choose),
      later: (step) => this.#steps.later(step),
      letter: (to, payload) => this.#envelope({ to, type: "message" }, payload, {}),
      locked: (error) => this.cut(error),
    });
    return this.#children;
  }

  /** Tells another's child that it is this agent's from now on. */
  tellParent(child: string): void {
    this.mail.push(parentNote(this.#kernel, child, this.agent.id));
  }

  /** The children that are to be made with the next commit: their npubs, and the letters that do. */
  get births(): { readonly ids: readonly string[]; readonly letters: readonly Envelope[] } {
    return this.#children ?? { ids: [], letters: [] };
  }

  /** The agent's tree of files in this tick. @throws CONFIG where the runtime was made without trees */
  tree(user: "agent" | "editor"): AgentTree {
    return tickTree(this.#kernel, {
      session: this,
      record: this.#input.agent.record,
      files: this.#open(),
      memory: this.memory,
      user,
    });
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#cutBy !== undefined) this.#abort.abort(this.#cutBy);
    }
    return this.#abort.signal;
  }

  now(): number {
    return this.#kernel.clock.now();
  }

  async reply(payload: unknown, options?: SendOptions): Promise<string> {
    this.#check();
    const { from, id, type, source } = this.#input.occasion.envelope;
    if (source === "clock") {
      throw new OpenAgentsError("INVALID", "Cannot reply to an alarm: nobody sent it");
    }
    const answer = type === "request" ? "response" : "message";
    const envelope = this.#envelope({ to: from, type: answer, replyTo: id }, payload, options);
    if (isNpub(from)) this.mail.push(envelope);
    else this.#given.reply({ to: from, replyTo: id, payload: envelope.payload });
    this.replied = true;
    return envelope.id;
  }

  async send(to: string, payload: unknown, options?: SendOptions): Promise<string> {
    this.#check();
    const known = this.#children?.addressOf(to) ?? to;
    const envelope = this.#envelope({ to: known, type: "message" }, payload, options);
    this.mail.push(envelope);
    return envelope.id;
  }

  async spawn(name: string, options?: SpawnOptions): Promise<string> {
    this.#check();
    return this.children.spawn(name, options);
  }

  async request(to: string, payload: unknown, options?: RequestOptions): Promise<Json> {
    this.#check();
    const key = this.#input.occasion.journal.nextKey(`request:${to}`);
    const wait = this.#waits.for(key, () => {
      const timeout = toMs(options?.timeout ?? "1m");
      const known = this.#children?.addressOf(to) ?? to;
      const envelope = this.#envelope({ to: known, type: "request" }, payload, options);
      this.requests.push(envelope);
      return { key, request: envelope.id, until: this.now() + timeout };
    });
    return (await wait) ?? null;
  }

  async sleep(duration: Duration): Promise<void> {
    this.#check();
    const key = this.#input.occasion.journal.nextKey("sleep");
    await this.#waits.for(key, () => ({ key, until: this.now() + toMs(duration) }));
  }

  async publish(event: PublicEvent, options?: SendOptions): Promise<string> {
    this.#check();
    const payload = await publicEvent(this.#kernel, event);
    this.#check();
    const envelope = this.#envelope({ to: PUBLIC, type: "event" }, payload, options);
    this.mail.push(envelope);
    return envelope.id;
  }

  broadcast(name: string, data: unknown = null): void {
    this.#check();
    this.#given.event(name, data);
  }

  schedule(when: When, payload: unknown = null, options?: { readonly id?: string }): string {
    this.#check();
    const id = options?.id ?? newId(this.#kernel);
    checkLabel(id, "an alarm");
    const data = plain(payload, `payload of alarm "${id}"`);
    const alarm = { id, set: newId(this.#kernel), payload: data };
    this.alarms.set(id, newAlarm(alarm, when, this.now()));
    return id;
  }

  cancel(alarmId: string): void {
    this.#check();
    checkLabel(alarmId, "an alarm");
    this.alarms.set(alarmId, undefined);
    this.takenBack.add(alarmId);
  }

  /** Alarms as the commit is to change them, by id. */
  *alarmsToBe(): Generator<readonly [id: string, alarm: AlarmFile | undefined]> {
    const { alarm } = this.#input.occasion;
    if (alarm !== undefined) yield [alarm.id, alarm.next];
    yield* this.alarms;
  }

  step<T>(
    name: string,
    work: (step: StepTools) => T | Promise<T>,
    options?: StepOptions,
  ): Promise<T> {
    return this.#steps.step(name, work, options);
  }

  readonly budget: ContextBudget = Object.freeze({
    left: async () => {
      this.#check();
      return this.meter.left();
    },
    spent: async () => {
      this.#check();
      return this.meter.spent();
    },
  });

  /** What `ctx` has to think with. @throws CONFIG where the runtime was made without models */
  thought(ctx: Context): Thought {
    this.#check();
    const { name } = this.#input.agent.definition;
    this.#thought ??= this.#kernel.minds.get(name)?.begin(ctx, this.secrets);
    if (this.#thought !== undefined) return this.#thought;
    throw new OpenAgentsError("CONFIG", `Cannot think as "${name}": there are no models here`);
  }

  /** As `Steps.keysOf`. */
  keysOf(error: unknown): readonly string[] {
    return this.#steps.keysOf(error);
  }

  #stepEnded(note: StepNote): void {
    // The record is made of what there is at the end.
    if (!this.#isOpen) return;
    this.steps.push(note);
    this.#input.live?.step(note.key, note);
  }

  async #letStepsEnd(): Promise<void> {
    if (this.#steps.running.size === 0) return;
    const ended = Promise.allSettled(this.#steps.running);
    await new Promise<void>((resolve) => {
      let stop = (): void => undefined;
      this.#onCut = () => {
        stop = this.#kernel.clock.after(STEP_GRACE, resolve);
      };
      if (this.#cutBy !== undefined) this.#onCut();
      void ended.then(() => {
        stop();
        resolve();
      });
    });
  }

  #check(): void {
    if (this.#cutBy !== undefined) throw this.#cutBy;
    if (!this.#isOpen) throw new OpenAgentsError("CANCELLED", "Cannot use ctx: its tick is over");
  }

  #envelope(
    head: { readonly to: string; readonly type: EnvelopeType; readonly replyTo?: string },
    payload: unknown,
    options: SendOptions = {},
  ): Envelope {
    const { occasion, agent } = this.#input;
    const from = { id: agent.record.id, occasion };
    return letterOf(this.#kernel, from, { head, payload, options });
  }

  /** Adds a log line. */
  note(level: LogLine["level"], text: unknown, data?: unknown): void {
    this.#given.note(level, text, data);
  }
}
