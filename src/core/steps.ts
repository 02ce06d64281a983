import { addUse, checkUse, tallyOf } from "./budget.ts";
import type { Meter, StepUse } from "./budget.ts";
import { bytesAbove } from "./byte-length.ts";
import type { StepOptions, StepPart, StepTools } from "./context.ts";
import { errorInfo, OpenAgentsError } from "./errors.ts";
import { FileError } from "./file-error.ts";
import { sha256Hex } from "./hash.ts";
import { valueOf } from "./journal.ts";
import type { Entry } from "./journal.ts";
import { toJson } from "./json.ts";
import type { Ask } from "./replay.ts";
import type { Json } from "./json.ts";
import type { Kernel } from "./kernel.ts";
import { checkLabel } from "./label.ts";
import { isLocked } from "./locked.ts";
import type { SessionInput } from "./session.ts";
import { failureOf, stepSpan } from "./telemetry.ts";
import type { StepNote } from "./trajectory.ts";
import { paths } from "./tree.ts";

const KINDS: ReadonlySet<unknown> = new Set<StepPart["kind"]>([
  "text",
  "reasoning",
  "input",
  "void",
]);

/** What the steps of a run need of it. */
export interface StepsRun {
  /** Throws once it is over, or cut off. */
  readonly check: () => void;
  readonly isOpen: () => boolean;
  readonly signal: () => AbortSignal;
  readonly note: (note: StepNote) => void;
  /** The keys are locked, so the tick waits, whatever agent code makes of the error. */
  readonly locked: (error: unknown) => void;
  /** One of them is over. */
  readonly quiet: () => void;
  readonly meter: () => Meter;
}

/** The error with which a step is to end and to be journaled, instead of one; undefined for neither. */
export type Keep = (error: unknown) => OpenAgentsError | undefined;

type Work<T> = (step: StepTools) => T | Promise<T>;

/** Begins a step whose key is taken. */
export type LaterStep = <T>(work: Work<T>, options?: LaterOptions) => Promise<T>;

/** How a step goes, beside its work. */
export interface LaterOptions extends StepOptions {
  readonly keep?: Keep | undefined;
}

/** The steps of one run of a hook. */
export class Steps {
  /** Those that are not over. */
  readonly running: Set<Promise<unknown>> = new Set();
  /** How many of them wait for their turn, or may not begin. */
  #held = 0;
  /** No more of them begin. */
  #paused = false;
  /** Fails those that may not begin. */
  readonly #stops: ((error: unknown) => void)[] = [];
  readonly #kernel: Kernel;
  readonly #input: SessionInput;
  readonly #run: StepsRun;
  /** Errors that are journaled, with their keys. */
  readonly #kept = new Map<unknown, string>();
  /** Those that have used something and are not over, with how many of that there were at first. */
  readonly #spending = new Map<string, { readonly begun: number; readonly used: StepUse }>();

  constructor(kernel: Kernel, input: SessionInput, run: StepsRun) {
    this.#kernel = kernel;
    this.#input = input;
    this.#run = run;
  }

  /** True while one of them is at work. */
  get busy(): boolean {
    return this.running.size > this.#held;
  }

  /** True when one may not begin, and none is at work. */
  get stuck(): boolean {
    return this.#stops.length > 0 && !this.busy;
  }

  /** From now on none begins. */
  pause(): void {
    this.#paused = true;
  }

  /** The run was cut off: what waits to begin fails. */
  cut(error: unknown): void {
    for (const stop of this.#stops.splice(0)) stop(error);
  }

  /** As `Context.step`. */
  async step<T>(name: string, work: Work<T>, options?: StepOptions): Promise<T> {
    return this.later(name)(work, { worst: options?.worst });
  }

  /** A step that begins later: the journal knows it by when it was asked for. */
  later(name: string): LaterStep {
    this.#run.check();
    checkLabel(name, "a step");
    const key = this.#input.occasion.journal.nextKey(`step:${name}`);
    return (work, options) => {
      const running = this.#step({ name, key, ...options }, work);
      this.running.add(running);
      const ended = (): void => {
        this.running.delete(running);
        this.#run.quiet();
      };
      running.then(ended, ended);
      return running;
    };
  }

  /** The run is over, and steps that do not end are left behind: the record says what they used so far. */
  leave(error: unknown): void {
    const now = this.#kernel.clock.now();
    for (const [key, { begun, used }] of this.#spending) {
      this.#run.note({ key, ms: now - begun, used, error: errorInfo(error) });
    }
  }

  /** Keys of the journaled errors that an error is, or has as a cause. */
  keysOf(error: unknown): readonly string[] {
    const keys: string[] = [];
    const seen = new Set<unknown>();
    for (let at = error; at instanceof Error && !seen.has(at); at = at.cause) {
      seen.add(at);
      const key = this.#kept.get(at);
      if (key !== undefined) keys.push(key);
    }
    return keys;
  }

  async #step<T>(
    { name, key, keep, worst }: { readonly name: string; readonly key: string } & LaterOptions,
    work: Work<T>,
  ): Promise<T> {
    const { check, isOpen, note } = this.#run;
    check();
    const { agent, occasion, live, span: ticks } = this.#input;
    const { store, clock, limits, tracer, owed } = this.#kernel;
    const step = `${occasion.envelope.id}/${key}`;
    const ask = occasion.journal.ask(key);
    if (ask.turn !== undefined) {
      await this.#turn(ask.turn);
      check();
    }
    const earlier = occasion.journal.get(key);
    if (earlier !== undefined) {
      const { used: spent, counted } = earlier;
      // Its cost is counted by the first tick that is committed with it.
      const fresh = spent !== undefined && counted !== true;
      note({ key, ms: 0, replayed: true, ...(fresh && { used: spent }) });
      if (fresh) {
        if (!owed.covers(agent.record.id, step)) {
          this.#run.meter().count(step, spent);
          this.#run.meter().journaled(step, spent);
        }
        occasion.journal.count(key);
      }
      return this.#replayed(key, earlier) as T;
    }
    const most = typeof worst === "function" ? await worst() : worst;
    const release = most === undefined ? undefined : await this.#run.meter().reserve(most);
    // Nothing may happen outside because of mail that could still be lost.
    await store.sync();
    check();
    const stops = this.#stopsHere();
    if (stops !== false && (stops === true || (await stops))) await this.#mayNotBegin();
    check();
    const begun = clock.now();
    live?.step(key);
    let over = false;
    const tell = (part: StepPart): void => {
      checkPart(name, part);
      if (!over && isOpen()) live?.tell(key, part);
    };
    const span = tracer && ticks && stepSpan(tracer, ticks.context, key);
    let used: StepUse | undefined;
    try {
      const trigger = occasion.envelope.id;
      const stable = sha256Hex(`${agent.record.id}/${trigger}/${key}`).slice(0, 32);
      const value = await work({
        key: stable,
        signal: this.#run.signal(),
        tell,
        used: (use) => {
          const before = used;
          used = addUse(before, checkUse(use));
          // At once: whatever becomes of the step, it is spent.
          if (isOpen()) {
            this.#run.meter().count(step, used, before);
            occasion.journal.count(key);
            this.#spending.set(key, { begun, used });
          } else owed.add(agent.record.id, { tally: tallyOf(used, before), steps: [step] });
        },
      });
      if (!isOpen()) throw new OpenAgentsError("CANCELLED", `Step "${name}" ended after its tick`);
      const json =
        value === undefined && used === undefined
          ? "{}"
          : toJson({ value, used }, `result of step "${name}"`);
      const tooMany = bytesAbove(json, limits.valueBytes);
      if (tooMany !== undefined) {
        throw new OpenAgentsError(
          "LIMIT",
          `Cannot journal step "${name}": ${tooMany} bytes is above limits.valueBytes (${limits.valueBytes})`,
        );
      }
      await this.#journal(ask, json);
      if (used !== undefined) {
        this.#run.meter().journaled(step, used);
        owed.journaled(agent.record.id, step);
      }
      note({ key, ms: clock.now() - begun, ...(used !== undefined && { used }) });
      span?.end();
      return value;
    } catch (cause) {
      // Another home may say the same of its own keys, and be right while ours are open.
      if (isLocked(cause) && this.#kernel.keyWaits.locked) this.#run.locked(cause);
      const kept = isOpen() ? keep?.(cause) : undefined;
      const error = kept ?? cause;
      const info = errorInfo(error);
      if (kept !== undefined) {
        const errno = kept instanceof FileError && { errno: kept.errno };
        await this.#journal(ask, JSON.stringify({ error: { ...info, ...errno } }));
        this.#kept.set(kept, key);
      } else if (isOpen()) occasion.journal.failed(ask);
      note({ key, ms: clock.now() - begun, ...(used !== undefined && { used }), error: info });
      span?.end(failureOf(error));
      throw error;
    } finally {
      release?.();
      this.#spending.delete(key);
      over = true;
    }
  }

  /** While the agent or its home is paused, only an end goes on. */
  #stopsHere(): boolean | Promise<boolean> {
    const { type, payload } = this.#input.occasion.envelope;
    if (type === "control" && payload === "terminate") return false;
    return this.#paused || this.#kernel.brake.on();
  }

  /** Until the run is cut off, which it is once no step is at work. */
  async #mayNotBegin(): Promise<void> {
    const cut = new Promise<never>((_, reject) => this.#stops.push(reject));
    this.#held += 1;
    this.#run.quiet();
    await cut;
  }

  /** Waits for the turn of a step in a replay. */
  async #turn(turn: Promise<void>): Promise<void> {
    this.#held += 1;
    // That nothing else goes on is what is waited for, so it must be looked at.
    this.#run.quiet();
    try {
      await turn;
    } finally {
      this.#held -= 1;
    }
  }

  /** Stores what came of a step, as the JSON of an object, and what failed before it. */
  async #journal(ask: Ask, json: string): Promise<void> {
    const { agent, claim, occasion } = this.#input;
    const { store } = this.#kernel;
    const { journal, envelope } = occasion;
    const stamp = JSON.stringify(journal.stampOf(ask)).slice(1);
    const text = `${json.slice(0, -1)}${json === "{}" ? "" : ","}${stamp}`;
    const rows = [...journal.takeFailed(), [ask.key, text] as const];
    agent.journaled = true;
    await store.journal(
      claim,
      rows.map(([key, value]) => ({ path: paths.step(envelope.id, key), value })),
    );
    await store.sync();
    for (const [key, value] of rows) journal.wrote(key, value);
  }

  #replayed(key: string, entry: Entry): Json | undefined {
    try {
      return valueOf(entry);
    } catch (error) {
      this.#kept.set(error, key);
      throw error;
    }
  }
}

function checkPart(step: string, part: unknown): void {
  const { kind, text } = (part ?? {}) as { readonly kind?: unknown; readonly text?: unknown };
  if (KINDS.has(kind) && typeof text === "string") return;
  const kinds = [...KINDS].join(", ");
  throw new OpenAgentsError(
    "INVALID",
    `Cannot tell of step "${step}": a part has "kind", one of ${kinds}, and "text"`,
  );
}
