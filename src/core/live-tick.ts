import type { PartKind, StepPart } from "./context.ts";
import { triggerTypeOf } from "./envelope.ts";
import type { LiveEvent, Phase } from "./followers.ts";
import type { Occasion } from "./perceive.ts";
import type { StepNote } from "./trajectory.ts";

/**
 * A try of a tick, as far as it has come. What happens in it has places in it: an event is one long, a
 * step that was replayed two, as it begins and ends, and a delta is as long as its text. It is kept here,
 * within a bound, and nowhere else.
 */
export interface RunningTick {
  readonly n: number;
  /** No other try has it, of this tick or another, in this process or one before. */
  readonly id: string;
  /** The place that it has come to. */
  readonly end: number;
  /** `done` once it is committed; `lost` when nothing of it will be. */
  readonly stage: "running" | "done" | "lost";
  /** False once something was forgotten that its record has too. */
  readonly whole: boolean;
  /**
   * What is kept from a place on, the next first and of about `limit` characters, each with the place
   * where it ends. Deltas that follow one another are one.
   */
  read(from: number, limit: number): readonly LivePiece[];
}

export interface LivePiece {
  readonly end: number;
  readonly event: LiveEvent;
}

/** What a running tick needs of those who follow it. */
export interface LiveDesk {
  now(): number;
  /** A name for a try. */
  newTry(): string;
  /** True while somebody listens. */
  hears(agent: string): boolean;
  begins(tick: LiveTick): void;
  ends(tick: LiveTick): void;
  tell(agent: string, event: LiveEvent): void;
}

/** What is kept of a tick, in characters, and how far it is brought down when that is too much. */
const KEPT = 1_048_576;
const LOWERED = 786_432;
/** What a piece counts for beside its text, and how long the text of one may be. */
const EACH = 128;
const PIECE = 16_384;
/** Why something does not count is told in so many characters. */
const REASON = 1_000;

interface Kept {
  readonly start: number;
  end: number;
  event: LiveEvent;
}

/** How much of a kind was told of a step, and half of a character that waits for its other half. */
interface Told {
  offset: number;
  half: string;
}

/**
 * One try of a tick, from its beginning on. Phases wait until the trigger is known, and from then on for
 * as long as nobody wants to know of them: most ticks are over before somebody does.
 */
export class LiveTick implements RunningTick {
  readonly agent: string;
  readonly #desk: LiveDesk;
  #phases: { readonly phase: Phase; readonly at: number }[] = [];
  readonly #steps = new Map<string, Map<PartKind, Told>>();
  #found: { readonly n: number; readonly envelope: string } | undefined;
  /** Until its start is kept. */
  #occasion: Pick<Occasion, "envelope" | "attempt"> | undefined;
  #kept: Kept[] = [];
  #size = 0;
  #end = 0;
  #id: string | undefined;
  stage: RunningTick["stage"] = "running";
  whole = true;

  constructor(agent: string, desk: LiveDesk) {
    this.agent = agent;
    this.#desk = desk;
  }

  get n(): number {
    return this.#found?.n ?? 0;
  }

  get id(): string {
    return (this.#id ??= this.#desk.newTry());
  }

  get end(): number {
    this.catchUp();
    return this.#end;
  }

  phase(phase: Phase): void {
    this.#phases.push({ phase, at: this.#desk.now() });
    if (this.#desk.hears(this.agent)) this.catchUp();
  }

  /** There is something to act on, so this is tick `n`. */
  found(n: number, occasion: Pick<Occasion, "envelope" | "attempt">): void {
    this.#found = { n, envelope: occasion.envelope.id };
    this.#occasion = occasion;
    this.#desk.begins(this);
    if (this.#desk.hears(this.agent)) this.catchUp();
  }

  /** Has the phases that wait take their places. */
  catchUp(): void {
    const found = this.#found;
    if (found === undefined || (this.#phases.length === 0 && !this.#occasion)) return;
    const phases = this.#phases;
    this.#phases = [];
    if (this.#occasion !== undefined) {
      const { envelope, attempt } = this.#occasion;
      this.#occasion = undefined;
      const { id, type, from, source } = envelope;
      const trigger = { type: triggerTypeOf(type), id, from, source };
      const at = phases[0]?.at ?? this.#desk.now();
      this.#add({ event: "tick_start", ...found, at, trigger, attempt });
    }
    for (const phase of phases) this.#add({ event: "phase", ...found, ...phase });
  }

  step(key: string, ended?: StepNote): void {
    if (this.#found === undefined) return;
    this.catchUp();
    if (ended !== undefined) this.#stepEnds(key);
    const at = this.#desk.now();
    const event: LiveEvent = { event: "step", ...this.#found, at, key };
    if (ended === undefined) this.#add(event);
    else this.#add({ ...event, ended }, ended.replayed === true ? 2 : 1);
  }

  /** What a step is making. Nothing once the tick is over. */
  tell(key: string, { kind, text }: StepPart): void {
    this.catchUp();
    if (kind === "void") return this.#void(key, text);
    const told = this.#toldOf(key, kind);
    let more = told.half + text;
    told.half = "";
    const last = more.charCodeAt(more.length - 1);
    if (last >= 0xd800 && last < 0xdc00) {
      told.half = more.slice(-1);
      more = more.slice(0, -1);
    }
    this.#delta(key, kind, more);
  }

  /** It is over: nothing more happens in it. */
  close(stage: "done" | "lost"): void {
    if (this.stage !== "running") return;
    this.stage = stage;
    this.#steps.clear();
    if (this.#found !== undefined) this.#desk.ends(this);
  }

  read(from: number, limit: number): readonly LivePiece[] {
    this.catchUp();
    let first = this.#kept.length;
    while (first > 0 && this.#kept[first - 1]!.end > from) first -= 1;
    const pieces: LivePiece[] = [];
    for (let size = 0; first < this.#kept.length && size < limit; first += 1) {
      const { start, end, event } = this.#kept[first]!;
      size += sizeOf(event);
      pieces.push({ end, event: start < from ? restOf(event, from - start) : event });
    }
    return pieces;
  }

  #toldOf(key: string, kind: PartKind): Told {
    const kinds = this.#steps.get(key) ?? new Map<PartKind, Told>();
    this.#steps.set(key, kinds);
    const told = kinds.get(kind) ?? { offset: 0, half: "" };
    kinds.set(kind, told);
    return told;
  }

  #delta(key: string, kind: PartKind, text: string): void {
    if (this.#found === undefined || this.stage !== "running") return;
    const whole = text.toWellFormed();
    for (let from = 0; from < whole.length;) {
      let to = Math.min(whole.length, from + PIECE);
      // A character that is a pair is in one piece.
      if (to < whole.length && isHalf(whole.charCodeAt(to - 1))) to -= 1;
      const told = this.#toldOf(key, kind);
      const { offset } = told;
      told.offset += to - from;
      const at = this.#desk.now();
      const piece = whole.slice(from, to);
      const event = { event: "delta", ...this.#found, at, key, kind, offset, text: piece } as const;
      this.#add(event, piece.length);
      from = to;
    }
  }

  /** What was told of the step is no use to those who come now. */
  #void(key: string, why: string): void {
    if (this.#found === undefined || this.stage !== "running") return;
    if (this.#steps.delete(key)) {
      this.#keep(({ event }) => event.event !== "delta" || event.key !== key);
    }
    const text = why.slice(0, REASON).toWellFormed();
    const at = this.#desk.now();
    this.#add({ event: "delta", ...this.#found, at, key, kind: "void", offset: 0, text });
  }

  #stepEnds(key: string): void {
    for (const [kind, { half }] of this.#steps.get(key) ?? []) this.#delta(key, kind, half);
    this.#steps.delete(key);
  }

  #add(event: LiveEvent, length = 1): void {
    const start = this.#end;
    this.#end += length;
    const last = this.#kept.at(-1);
    const joined = last?.end === start ? join(last.event, event) : undefined;
    if (last !== undefined && joined !== undefined) {
      this.#size += sizeOf(event) - EACH;
      last.event = joined;
      last.end = this.#end;
    } else {
      this.#size += sizeOf(event);
      this.#kept.push({ start, end: this.#end, event });
    }
    if (this.#size > KEPT) this.#forget();
    this.#desk.tell(this.agent, event);
  }

  /** Deltas first, as the record has the rest in the end; the oldest first, and the start never. */
  #forget(): void {
    this.#forgetOldest(({ event }) => event.event === "delta");
    if (this.#size <= LOWERED) return;
    this.whole = false;
    this.#forgetOldest(({ event }) => event.event !== "tick_start");
  }

  #forgetOldest(may: (kept: Kept) => boolean): void {
    let over = this.#size - LOWERED;
    this.#keep((kept) => {
      if (over <= 0 || !may(kept)) return true;
      over -= sizeOf(kept.event);
      return false;
    });
  }

  #keep(stays: (kept: Kept) => boolean): void {
    this.#kept = this.#kept.filter((kept) => {
      if (stays(kept)) return true;
      this.#size -= sizeOf(kept.event);
      return false;
    });
  }
}

function isHalf(code: number): boolean {
  return code >= 0xd800 && code < 0xdc00;
}

function sizeOf(event: LiveEvent): number {
  if (event.event === "delta") return EACH + event.text.length;
  if (event.event !== "step") return EACH;
  return EACH + (event.ended?.error?.message.length ?? 0);
}

/** Two deltas as one; undefined where they are none, or not of one text. */
function join(one: LiveEvent, next: LiveEvent): LiveEvent | undefined {
  if (one.event !== "delta" || next.event !== "delta" || next.kind === "void") return undefined;
  if (one.key !== next.key || one.kind !== next.kind) return undefined;
  if (one.text.length + next.text.length > PIECE) return undefined;
  return { ...one, at: next.at, text: one.text + next.text };
}

/** An event without its first `length` characters, where it is text. */
function restOf(event: LiveEvent, length: number): LiveEvent {
  if (event.event !== "delta" || event.kind === "void") return event;
  const { offset, text } = event;
  return { ...event, offset: offset + length, text: text.slice(length) };
}
