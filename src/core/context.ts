import type { State } from "./state.ts";
import type { Duration } from "./duration.ts";
import type { Trigger } from "./envelope.ts";
import type { Json } from "./json.ts";
import type { Amount, Budget, BudgetOptions, Spent, StepUse } from "./budget.ts";
import type { FileListQuery, FileRange, FileStat, WriteOptions } from "./ports/files.ts";
import type { Goals, Memory } from "./ports/memory.ts";
import type { ContextModel, ContextTools } from "./ports/model.ts";
import type { Page } from "./ports/store.ts";

/**
 * What agent code has in its hands during a tick. Nothing it does through this takes effect before
 * the tick's commit, except the results of finished steps; if the tick fails, none of it does.
 * After the tick every method throws `CANCELLED`.
 */
export interface Context<S extends State = State> {
  /** `parent`: the npub of the agent that made it, where one did. */
  readonly agent: {
    readonly id: string;
    readonly name: string;
    readonly type: string;
    readonly parent?: string;
  };
  readonly trigger: Trigger;
  /** The agent's state; assign or change members. Only changed top-level keys are written. */
  state: S;
  readonly identity: ContextIdentity;
  /** What the agent remembers beside its state. */
  readonly memory: Memory;
  /** What the agent is to bring about. */
  readonly goals: Goals;
  /** The agent's tree of files: its own directory is `/`. */
  readonly fs: ContextFiles;
  readonly budget: ContextBudget;
  /** The agent's model, for hooks that think by themselves. */
  readonly model: ContextModel;
  readonly tools: ContextTools;
  /** Aborts when the tick is cut off: timeout, cancel, shutdown. */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** The runtime's clock, ms since 1970. Use it and not `Date.now()` where a test owns time. */
  now(): number;

  /**
   * Answers whoever caused this tick. Answers to a request resume the one who asked; an agent that
   * sent a plain message gets the answer as a message of its own, so answer those with care.
   * @throws INVALID when an alarm caused it
   */
  reply(payload: unknown, options?: SendOptions): Promise<string>;
  /** Mail to an agent by npub, hex key or name; the id of the envelope. */
  send(to: string, payload: unknown, options?: SendOptions): Promise<string>;
  /**
   * Asks an agent and waits for its reply, at no cost and across restarts: the tick is parked and
   * the hook is run again from its start when the reply is there, with every finished step, request
   * and sleep replayed from the journal. State changed before the wait is dropped and changed again
   * by that second run.
   * @throws TIMEOUT after `timeout` (default `"1m"`); NOT_FOUND when there is no such agent; REMOTE
   *   when the other agent failed on it
   */
  request(to: string, payload: unknown, options?: RequestOptions): Promise<Json>;
  /**
   * Publishes a Nostr event, signed by the agent, to the relays of this home once the tick is
   * committed; the id of its envelope. It is with the dead letters where there are no relays.
   * @throws INVALID for what is no event, NOT_FOUND for a mention of nobody
   */
  publish(event: PublicEvent, options?: SendOptions): Promise<string>;
  /** Emits an event to whoever watches this agent. */
  broadcast(name: string, data?: unknown): void;

  /** Sets an alarm, replacing one with the same id; its id. */
  schedule(when: When, payload?: unknown, options?: { readonly id?: string }): string;
  /**
   * Takes an alarm back, and what of it failed before and is to be tried again; a tick of it that waits
   * goes on. Nothing happens when there is none.
   */
  cancel(alarmId: string): void;

  /**
   * Does outside work at most once per finished result: the result is journaled durably before it
   * is given back, and a tick that is run again gets it from the journal. Steps are known by name
   * and by how many of that name came before. Pass `key` on to outside services as their
   * idempotency key: the work is run again if the process dies before the result is journaled.
   */
  step<T>(
    name: string,
    work: (step: StepTools) => T | Promise<T>,
    options?: StepOptions,
  ): Promise<T>;
  /** Waits, at no cost and across restarts, as `request` does. */
  sleep(duration: Duration): Promise<void>;

  /**
   * Makes an agent, a child of this one, with a key of its own; its npub. It is there soon after the tick is
   * committed, or parked, and what is sent to the npub waits for it. Where somebody takes the name in
   * between, the child is called `NAME-…`, which the log then says.
   * @throws EXISTS when an agent has the name, LIMIT above `limits.children`, `limits.generations` or what is
   * left of the budget, INVALID for what can be no agent
   */
  spawn(name: string, options?: SpawnOptions): Promise<string>;
  /** The agents that this one made and that are not ended. */
  children(): Promise<readonly Child[]>;
  /**
   * Does with the trigger what an agent with a model and no hook for it does: the trigger goes to its conversation,
   * the model answers and uses its tools, and what it says last is the reply.
   * @throws CONFIG where there is no model
   */
  think(): Promise<void>;
}

/** An event of Nostr (NIP-01) as agent code writes it: time, id and signature are added. */
export interface PublicEvent {
  readonly kind: number;
  readonly content: string;
  readonly tags?: readonly (readonly string[])[] | undefined;
  /** Whom it mentions, each as a `p` tag: npubs, hex keys or names. */
  readonly mentions?: readonly string[] | undefined;
}

/**
 * The files of an agent in the middle of a tick. What it writes to its own is so once the tick is
 * committed, and read back before; what is outside (`/fs/…`) is changed at once, each use of it a step.
 * A path that is not mounted, or not for this agent, is ENOENT or EACCES, and the record says who tried.
 * All throw `FileError`.
 */
export interface ContextFiles {
  /** As text. @throws EINVAL for what is no UTF-8 */
  read(path: string): Promise<string>;
  bytes(path: string, range?: FileRange): Promise<Uint8Array>;
  /** In place of the file, which is made if need be, or after its end; the path where it is. */
  write(path: string, data: string | Uint8Array, options?: WriteOptions): Promise<string>;
  list(path: string, query?: FileListQuery): Promise<Page<FileStat>>;
  stat(path: string): Promise<FileStat>;
  remove(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  makeDirectory(path: string): Promise<void>;
  /** Hands something to a file that answers, such as `/identity/sign`. */
  exchange(path: string, data: string | Uint8Array): Promise<string>;
  /** Yields the path of what changed outside, at or below `path`, until the tick ends. @throws ENOTSUP for its own */
  watch(path: string): AsyncIterable<string>;
}

export interface ContextIdentity {
  readonly npub: string;
  /** x-only, hex. */
  readonly publicKey: string;
  /** A BIP-340 signature, hex, of a 32-byte hash given in hex. */
  sign(hash: string): Promise<string>;
  /** True when `signature` of `hash` (both hex) is by `publicKey` (hex). */
  verify(publicKey: string, hash: string, signature: string): boolean;
  /**
   * NIP-44 v2 of a text, for an agent or person by npub, hex key or name.
   * @throws NOT_FOUND for nobody, INVALID for a key that is none or an empty text
   */
  encrypt(to: string, text: string): Promise<string>;
  /** The text that somebody encrypted for this agent. @throws DENIED when it was not they, or altered */
  decrypt(from: string, payload: string): Promise<string>;
}

export interface StepTools {
  /** Stable over every try of this step, different for every other step. */
  readonly key: string;
  readonly signal: AbortSignal;
  /** Says what the step cost; called again, it adds to that. It is on the record and counts towards the budget. */
  readonly used: (use: StepUse) => void;
  /**
   * Tells whoever follows the agent a piece of what this step is making; it is provisional and on no
   * record. Nothing once the step is over. @throws INVALID for what is no part
   */
  readonly tell: (part: StepPart) => void;
}

/** What a step is making. */
export type PartKind = "text" | "reasoning" | "input";

/** A piece of it, which follows those of its kind that were told before. */
export interface StepPart {
  /** `void`: what was told of this step so far does not count, as it is tried again; `text` says why. */
  readonly kind: PartKind | "void";
  readonly text: string;
}

export interface StepOptions {
  /**
   * What the work may cost at most: it does not begin when there is less left of the budget. Nothing is asked for
   * a step that is replayed. @throws BUDGET
   */
  readonly worst?: Amount | (() => Amount | Promise<Amount>) | undefined;
}

/** What the agent may spend in a day, and has. Tokens are whole, money is whole micro-USD. */
export interface ContextBudget {
  /** What may still be spent today (UTC); what has no limit is absent. */
  left(): Promise<Amount>;
  /** What was spent today and in all, with this tick so far. */
  spent(): Promise<Spent>;
}

export interface SpawnOptions {
  /** Default: that of the parent. */
  readonly type?: string | undefined;
  readonly labels?: readonly string[] | undefined;
  /** Its first message. Default: none. */
  readonly payload?: unknown;
  /**
   * What it may spend, which is its parent's no more for as long as it lives. Default: a tenth of what the
   * parent may in all, and no limit where that has none.
   */
  readonly budget?: BudgetOptions | undefined;
}

/** An agent that this one made. */
export interface Child {
  /** Its npub. */
  readonly id: string;
  readonly name: string;
  readonly type: string;
  /** When it was made. */
  readonly at: number;
  /** What it has of its parent's budget. */
  readonly budget?: Budget;
}

export interface SendOptions {
  readonly priority?: number;
  /** The mail is not acted on once this has passed. */
  readonly expiresIn?: Duration;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface RequestOptions extends SendOptions {
  readonly timeout?: Duration;
}

/** When an alarm fires: once, at an interval, or by a cron expression in a time zone (IANA name). */
export type When =
  | { readonly in: Duration }
  | { readonly at: number | string | Date }
  | { readonly every: Duration }
  | { readonly cron: string; readonly timeZone?: string };

/** Lines that are kept in the trajectory with the tick, also when the tick fails. */
export interface Log {
  debug(text: string, data?: unknown): void;
  info(text: string, data?: unknown): void;
  warn(text: string, data?: unknown): void;
  error(text: string, data?: unknown): void;
}
