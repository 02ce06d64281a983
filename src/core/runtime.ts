import type { AgentPhase, AgentRecord, AgentStatus } from "./agent.ts";
import type { Budget, Spent } from "./budget.ts";
import type { Envelope, EnvelopeType } from "./envelope.ts";
import type { ErrorInfo } from "./errors.ts";
import type { LiveEvent } from "./followers.ts";
import type { RunningTick } from "./live-tick.ts";
import type { HistogramCounts } from "./histogram.ts";
import type { Json } from "./json.ts";
import type {
  Departure,
  Imported,
  ImportOptions,
  LeaveOptions,
  MoveGoal,
  SetAside,
  Stayed,
} from "./move.ts";
import type { HomeOperations, Operations } from "./operations.ts";
import type { Peer } from "./ports/memory.ts";
import type { Identity, LogRow, MailRow, Page, Receipt } from "./ports/index.ts";
import type { TickOutput, TickRecord, Verdict } from "./trajectory.ts";

/** A home of agents as a whole: its directory. */
export interface Home extends HomeOperations {
  /**
   * @throws INVALID for a bad name or key, or an unknown type; EXISTS when name or key is taken; DENIED
   * for a wrong or missing password; LOCKED while the keys are
   */
  create(agent: NewAgent): Promise<AgentInfo>;
  /**
   * Who is meant by a name here, an npub, a hex key or `name@domain` (NIP-05).
   * @throws NOT_FOUND for nobody, INVALID for a key on no curve, UNREACHABLE when a domain cannot be asked
   */
  resolve(ref: string): Promise<Identity>;
  /** In a stable order, on one machine that of creation; `limit` 1 to 1000, default 100. */
  list(query?: ListAgents): Promise<Page<AgentInfo>>;
  /** What is known where it is asked. */
  metrics(): Partial<RuntimeMetrics>;
  /** The public half of the home's own key: whom the keys of agents that move here are sealed for. */
  identity(): Promise<Identity>;
  /**
   * Takes an agent in from a bundle; nothing of it is kept when it throws. One that moves waits for
   * `arrive`.
   * @throws CORRUPT, VERSION, LIMIT, TIMEOUT for the bundle; DENIED for its key; EXISTS, MOVED for the
   * agent; INVALID for what this home does not have
   */
  import(bundle: ReadableStream<Uint8Array>, options?: ImportOptions): Promise<Imported>;
  /**
   * Opens the keys, and takes up all that waited for them. Nothing happens when they are open.
   * @throws DENIED for a wrong passphrase; INVALID where keys are never locked
   */
  unlock(passphrase: string): Promise<void>;
}

/** An agent that is to be. */
export interface NewAgent {
  readonly name: string;
  readonly type: string;
  /** Up to 32: see `checkLabels`. Default: none. */
  readonly labels?: readonly string[] | undefined;
  /** The private key that it is to have: an nsec (NIP-19) or an ncryptsec (NIP-49). Default: a new one. */
  readonly key?: string | undefined;
  /** Of an ncryptsec. */
  readonly password?: string | undefined;
}

/**
 * A running set of agents. `ref` is an agent's id (npub), hex public key or name everywhere;
 * NOT_FOUND is thrown for one that names nobody. A promise resolves when what it says is durable.
 */
export interface Runtime extends Home, Operations {
  /** Takes up the agents that are due, and makes those that `ensure` names. */
  start(): Promise<void>;
  /** Takes up what is due now: for a host that keeps the time itself. */
  takeUp(): Promise<void>;
  /** Resolves when nothing runs and outgoing mail has been tried. */
  settled(): Promise<void>;
  /**
   * From now on nothing is acted on before it is durable, for ten minutes: for a host that saw this
   * runtime's process die, so that what killed it is found.
   */
  careful(): void;
  /** Lets running ticks end for `grace` ms (default 10,000), then cuts them off; closes the store. */
  stop(grace?: number): Promise<void>;

  /** Takes in an agent that a directory elsewhere has made. @throws EXISTS when it is here */
  admit(agent: AgentRecord): Promise<AgentInfo>;
  /**
   * Takes in what a driver made of something outside; what became of each once that is durable. Mail
   * from a key (`from` an npub) is that of its owner: the driver has made sure of it.
   * @throws INVALID when one is no envelope; none of them was taken in then
   */
  accept(mail: readonly Envelope[]): Promise<readonly Receipt[]>;
  /**
   * Puts mail of other agents into inboxes, as it is; what became of each once that is durable. Mail
   * that `hops` homes have passed on is not passed on for ever.
   */
  deliver(mail: readonly Envelope[], hops?: number): Promise<readonly Receipt[]>;
  /** Without the parts that cost a read of the ledger. */
  get(ref: string): Promise<AgentInfo>;
  status(ref: string): Promise<AgentReport>;
  /** State as it is stored, by top-level key. @throws MOVED, BUSY when it is not here, or not yet */
  state(ref: string): Promise<Record<string, Json>>;

  /** Puts mail into an inbox. @throws INVALID, LIMIT, INBOX_FULL (reject-new), TERMINATED */
  send(ref: string, mail: MailInput): Promise<Sent>;
  /**
   * Sends and waits until the envelope has been dealt with, at most `timeout` ms. An id that was
   * sent before gives what became of it then.
   */
  ask(ref: string, mail: MailInput, options: AskOptions): Promise<Answer>;

  /** Runs one tick with a manual trigger; its record. */
  tick(ref: string): Promise<TickRecord>;
  /** Brings it into memory and runs `onWake`; brings a failed or quarantined one back to life. */
  wake(ref: string): Promise<TickRecord>;
  /** Runs `onSleep` and lets go of its memory. */
  hibernate(ref: string): Promise<TickRecord>;
  /**
   * Runs `onTerminate`, refuses mail from then on and frees the name; the record stays.
   * @throws BUSY while it is between two homes
   */
  terminate(ref: string): Promise<void>;
  /**
   * Erases an agent with its record; terminates it first if need be, and carries what it has sent, but
   * for what would have to wait. Of one that arrives, all that has
   * come in, which may be all that there is of it.
   * @throws BUSY while it leaves
   */
  purge(ref: string): Promise<void>;

  /** Rows of the trajectory with `n` above `after`. */
  log(ref: string, after: number, limit: number): Promise<readonly LogRow[]>;
  /** Checks the whole trajectory, and the agent's files against it. */
  verify(ref: string): Promise<Verdict>;
  inbox(ref: string, after: number, limit: number): Promise<readonly MailRow[]>;
  deadLetters(ref: string, after: number, limit: number): Promise<readonly MailRow[]>;
  /** Whom the agent knows, in order of npub, after the npub `after`; `limit` 1 to 1000. */
  peers(ref: string, after: string, limit: number): Promise<readonly Peer[]>;
  /** @throws NOT_FOUND when there is no such dead letter */
  replay(ref: string, envelopeId: string): Promise<void>;
  /** @throws NOT_FOUND when there is no such dead letter */
  discard(ref: string, envelopeId: string): Promise<void>;

  /** The public half of an agent's key, and where the key is from. */
  key(ref: string): Promise<KeyInfo>;
  /**
   * An agent's private key under a password, an ncryptsec (NIP-49): whoever has both is the agent. Its
   * record says so first, unless the agent does not tick.
   * @throws INVALID for an empty password, LOCKED while the keys are
   */
  exportKey(ref: string, password: string): Promise<string>;
  /**
   * A bundle of an agent, made as it is read; between two ticks, which then wait until it is read. One
   * of an agent that leaves needs its `move`. With `to`, the public key (hex) of a home, the agent's
   * private key comes along, sealed for that home; else it can only be restored here.
   */
  export(ref: string, options?: ExportOptions): Promise<ReadableStream<Uint8Array>>;
  import(bundle: ReadableStream<Uint8Array>, options?: SetAside): Promise<Imported>;
  /**
   * Begins a move: no more ticks, and mail is `busy`. Idempotent for the same move; another one takes
   * its place. When it does not `depart` in time, it stays.
   */
  leave(ref: string, options: LeaveOptions): Promise<{ readonly until: number }>;
  /**
   * Ends a move that is not to be: an agent that leaves stays, a copy that arrives is dropped.
   * Idempotent. The old home gives its word that the agent stayed, unless its keys are locked; with it
   * the new one drops a copy that is whole.
   * @throws MOVED when it has departed; INVALID while another move is under way, and for a whole copy
   * without that word; DENIED for a forged one
   */
  stay(ref: string, move: string, word?: Stayed): Promise<Stayed | undefined>;
  /**
   * From here on the agent lives elsewhere; its receipt, durable here and the same each time.
   * @throws INVALID when it does not leave by this move
   */
  depart(ref: string, goal: MoveGoal): Promise<Departure>;
  /** Brings to life an agent that was taken in, once its old home's receipt proves that it left. Idempotent. */
  arrive(ref: string, receipt: Departure): Promise<AgentInfo>;
  /** True when a home that the agent left has this ticket to deliver mail to it. */
  admits(ref: string, ticket: string): Promise<boolean>;

  /** Calls `listener` for every committed, durable tick of one agent (by id) or all; undo by the result. */
  watch(id: string | undefined, listener: (tick: TickEvent) => void): () => void;
  /**
   * Calls `listener` for what happens inside ticks of an agent (by id) from now on, as it happens and
   * before it is durable; undo by the result.
   */
  follow(id: string, listener: (event: LiveEvent) => void): () => void;
  /** The tick of an agent (by id) that runs, with what has happened in it; undefined when none does. */
  running(id: string): RunningTick | undefined;
  metrics(): RuntimeMetrics;
}

/** What of a runtime goes over HTTP: all but its start and end, and what only its host calls. */
export type RemoteRuntime = Omit<
  Runtime,
  | "start"
  | "stop"
  | "takeUp"
  | "settled"
  | "careful"
  | "admit"
  | "accept"
  | "admits"
  | "deliver"
  | "watch"
  | "follow"
  | "running"
  | "metrics"
  | "import"
> &
  Pick<Home, "import">;

/** What may be known of an agent's key. */
export interface KeyInfo extends Identity {
  /** `derived` with the account below from the home's mnemonic, or `imported` with the agent. */
  readonly source: "derived" | "imported";
  readonly account?: number;
}

export interface ExportOptions {
  readonly move?: string | undefined;
  readonly to?: string | undefined;
}

export interface ListAgents {
  readonly cursor?: string | undefined;
  readonly limit?: number | undefined;
  readonly status?: AgentStatus | undefined;
  readonly type?: string | undefined;
  /** Those with this label only. */
  readonly label?: string | undefined;
  /** Those that this agent made: by its npub, hex key or name. */
  readonly parent?: string | undefined;
}

/** An agent as the outside sees it. */
export interface AgentInfo extends Omit<
  AgentRecord,
  "status" | "account" | "key" | "move" | "budget"
> {
  readonly status: AgentPhase;
  /** What it has of its parent's budget. */
  readonly budget?: Budget;
  /** Another one whenever its name or its labels changed; the same for the same ones. */
  readonly revision: string;
  /** The move that it is in, or was in; with the address of its new home once it has moved. */
  readonly move?: { readonly id: string; readonly url?: string };
}

export interface AgentReport extends AgentInfo {
  readonly ticks: number;
  /** Hash of the newest record of the trajectory. */
  readonly head: string | undefined;
  readonly lastTick: TickRecord | undefined;
  readonly queued: number;
  readonly alarms: readonly { readonly id: string; readonly at: number }[];
  /** Triggers whose ticks are parked. */
  readonly parked: readonly string[];
  /** What its steps cost; absent where none did. */
  readonly spent?: Spent;
  /** Why its ticks do not run, where its definition is gone. */
  readonly problem?: string;
}

/** Mail from outside. What is absent gets a default. */
export interface MailInput {
  readonly payload: Json;
  /** Default: a new UUID. None of the kernel's own: `initialize`, `alarm:…`, `bounce:…`, `child:…`, `clone:…`. */
  readonly id?: string | undefined;
  readonly type?: EnvelopeType | undefined;
  /** Default `"operator"`. */
  readonly from?: string | undefined;
  /** Default `"api"`. */
  readonly source?: string | undefined;
  readonly priority?: number | undefined;
  readonly expiresAt?: number | undefined;
  readonly traceId?: string | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export interface Sent {
  readonly id: string;
  readonly receipt: Receipt;
}

export interface AskOptions {
  /** Milliseconds. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * What became of an envelope. `pending`: nothing yet when the time was up (it goes on);
 * `dead-lettered`: the inbox was full; `failed` carries the error.
 */
export interface Answer extends Sent {
  readonly outcome: "done" | "failed" | "expired" | "pending" | "dead-lettered";
  readonly replies: readonly Json[];
  readonly error?: ErrorInfo | undefined;
}

export interface TickEvent {
  readonly agent: AgentRecord;
  readonly record: TickRecord;
  readonly output: TickOutput;
  /** The id of the trace that it belongs to, where it belongs to one. */
  readonly trace?: string;
}

export interface RuntimeMetrics {
  readonly startedAt: number;
  readonly ticks: number;
  readonly failures: number;
  readonly running: number;
  readonly ready: number;
  readonly cached: number;
  /** What needs a key waits until somebody unlocks them. */
  readonly locked: boolean;
  /** What was counted since `startedAt`. */
  readonly counts: RuntimeCounts;
}

/** What a runtime counts of its work; the histograms are of ms. */
export interface RuntimeCounts {
  /** Durable ticks by how they ended. */
  readonly outcomes: Readonly<Record<TickRecord["outcome"], number>>;
  /** Ticks that were begun by other code, which does not fit the present one: given up, or begun anew. */
  readonly mismatches: { readonly failed: number; readonly restarted: number };
  /** What steps used, by the records of ticks: tokens of models, and micro-USD where the price is known. */
  readonly used: { readonly tokens: number; readonly usd: number };
  /** Mail that was to be put into inboxes here, by what became of it. */
  readonly received: Readonly<Partial<Record<Receipt, number>>>;
  /** Outgoing mail that arrived, and that went back to its sender's dead letters. */
  readonly sent: number;
  readonly returned: number;
  /** How long ticks took. */
  readonly tickMs: HistogramCounts;
  /** How long after they were due ticks began. */
  readonly lagMs: HistogramCounts;
  /** How long it took from the commit of a tick until it was durable. */
  readonly syncMs: HistogramCounts;
}

export type { Envelope };
export type * from "./operations.ts";
