import type { AgentRecord, AgentStatus } from "../agent.ts";
import type { Envelope } from "../envelope.ts";
import type { FoundQuery } from "../search.ts";

/**
 * Where agents live. Four doors: the *directory* of agents, the *letterbox* that anyone may put
 * mail into, the *ledger* that only the holder of an agent's claim may write, and the *clock* that
 * says who is due.
 *
 * **Applied, then durable.** A method that writes resolves when its whole change is applied, or
 * rejects with nothing of it applied. What is applied is seen by every later call on this store. It
 * is durable (it survives a crash) once a `sync()` called after it resolves. Changes become durable
 * in the order they were applied. This is what lets a store share one fsync among many ticks: the
 * kernel goes on with applied changes and lets nothing out of the process before `sync()`.
 *
 * When applied changes cannot be made durable (a full disk, a lost connection), the store undoes
 * every change since the last durable point, drops every claim, and rejects each waiting `sync()`
 * and every other call under way with code `STORE`, also those made before the present turn of the
 * event loop ends: whatever follows from what was lost is lost with it. Call `sync()`
 * in the turn in which the change resolved: only then is a loss in between sure to be told.
 *
 * Errors are `OpenAgentsError`s: `NOT_FOUND` for an agent that is not in the directory,
 * `STALE_CLAIM`, `EXISTS`, `STORE`, `CORRUPT`; `INVALID` for a number or cursor that no store can
 * take; from a store that cannot be opened also `BUSY` and `VERSION`.
 */
export interface Store extends Directory, Letterbox, Ledger, DueClock {
  /** Resolves when all that was applied before this call is durable. */
  sync(): Promise<void>;
  /** True when this store was not closed the last time: whoever had it died. */
  crashed(): Promise<boolean>;
  /** Makes all durable and lets go of what is held. Idempotent; other calls then fail. */
  close(): Promise<void>;
}

/** The first door: who there is. */
export interface Directory {
  /**
   * A NIP-06 account number that was never given before, also not to a removed agent, and is above
   * `above`: none up to there is given from then on.
   */
  reserve(above?: number): Promise<number>;
  /**
   * Adds an agent and puts `first`, if there is one, into its inbox, together.
   * @throws EXISTS when its id, or its name among agents that are not terminated, is taken
   */
  create(agent: AgentRecord, first?: Envelope): Promise<void>;
  /** By id, hex public key or name; undefined when there is none. A terminated agent has no name. */
  get(ref: string): Promise<AgentRecord | undefined>;
  /** In order of creation. */
  list(query: ListQuery): Promise<Page<AgentRecord>>;
  /** Gives an agent another name, other labels, or both. @throws EXISTS when another agent has the name */
  update(id: string, change: EntryChange): Promise<void>;
  /**
   * Sets the status whatever it was: the caller has checked the transition. `move` is written with
   * it; null takes it away, undefined leaves it. With `moved` the outgoing mail is erased, which is
   * the new home's to carry from then on.
   * @throws EXISTS when an agent would come back from `terminated` and its name is taken
   */
  setStatus(id: string, status: AgentStatus, move?: string | null): Promise<void>;
  /** Erases the agent and everything it has. Nothing happens when it is not there. */
  remove(id: string): Promise<void>;
  /**
   * Erases all that an agent has that lives elsewhere or is on its way in, but for its entry. Every
   * claim on it is dropped.
   * @throws INVALID when its status is not `moved` or `arriving`
   */
  clear(id: string): Promise<void>;
  /**
   * Adds a part of what an agent that is `arriving` brings along, as it is. Files replace those of
   * the same path; the rows of the record go on from its head; mail gets new positions, in its order.
   * @throws INVALID when its status is another one, rows of the record are missing, or an envelope's
   * id is known already; nothing was changed then
   */
  restore(id: string, part: Restored): Promise<void>;
}

/** What of an agent's entry can be changed; what is absent stays. */
export interface EntryChange {
  readonly name?: string | undefined;
  /** In place of those it had; as `checkLabels` gives them. */
  readonly labels?: readonly string[] | undefined;
}

/** A part of what an agent brings along. */
export interface Restored {
  readonly files?: readonly TreeRow[];
  readonly log?: readonly LogRow[];
  readonly seen?: readonly SeenRow[];
  readonly mail?: readonly RestoredMail[];
  /** Outgoing mail, in its order. */
  readonly outbox?: readonly Envelope[];
}

/** Mail without a position; among the dead letters when it has a `reason`. */
export type RestoredMail = Omit<MailRow, "position">;

/** An envelope that is done with, of which the id is remembered. */
export interface SeenRow {
  readonly id: string;
  /** When it was delivered. */
  readonly at: number;
}

export interface ListQuery {
  /** From the page before; opaque. */
  readonly cursor?: string | undefined;
  /** 1 to 1000. */
  readonly limit: number;
  readonly status?: AgentStatus | undefined;
  readonly type?: string | undefined;
  /** Those with this label only. */
  readonly label?: string | undefined;
  /** Those that the agent with this npub made. */
  readonly parent?: string | undefined;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Given when there may be more. */
  readonly cursor?: string | undefined;
}

/** The second door: the inbox, the dead letters, and the outbox that the courier empties. */
export interface Letterbox {
  /**
   * Puts mail into inboxes, all of it in one atomic change, in the given order. A mail never makes
   * another one fail: what became of each is its receipt, at the same index.
   */
  deliver(mail: readonly Mail[]): Promise<readonly Receipt[]>;
  /** Mail in the inbox or among the dead letters, in order of position, after a position. */
  mail(id: string, query: MailQuery): Promise<readonly MailRow[]>;
  /**
   * The dedup window: envelopes that are done with, by id as UTF-8 bytes, after an id. Those that
   * wait or are dead letters are not in it.
   */
  seen(id: string, query: SeenQuery): Promise<readonly SeenRow[]>;
  /** How many envelopes wait in the inbox. */
  depth(id: string): Promise<number>;
  /**
   * Puts a dead letter back into the inbox, at its position and with no attempts, or, when it is
   * addressed to somebody else, back into the outbox. False when there is no such one.
   */
  replay(id: string, envelopeId: string): Promise<boolean>;
  /**
   * Drops a dead letter for good, and with it all files below the path `files`, which ends in "/"; its
   * id stays in the dedup window. False, and nothing is changed, when there is none.
   */
  discard(id: string, envelopeId: string, files?: string): Promise<boolean>;
  /**
   * Committed outgoing mail with `seq` above `after`, by rising `seq`: of all agents but those between
   * two homes, or of this one alone, wherever it is.
   */
  outbox(after: number, limit: number, agent?: string): Promise<readonly OutboxRow[]>;
  /**
   * Takes mail out of the outbox. What has a `reason` could not be taken anywhere and is put with
   * its sender's dead letters. Nothing happens for a row that is not there.
   */
  sent(rows: readonly { readonly row: OutboxRow; readonly reason?: string }[]): Promise<void>;
  /**
   * Forgets the ids of envelopes that are done with and were delivered before `before`, the oldest
   * first and at most `limit` of them; the number forgotten. Until then a second delivery of the
   * same id is a duplicate.
   */
  forget(before: number, limit: number): Promise<number>;
}

/** An envelope on its way in, with the rules of the inbox it is for. */
export interface Mail {
  readonly envelope: Envelope;
  readonly inbox: InboxPolicy;
  /** The time of delivery. */
  readonly at: number;
}

export interface InboxPolicy {
  /**
   * How many envelopes may wait; answers and commands (`isUrgent`) have `URGENT_ROOM` places beyond it,
   * so that an agent gets what it waits for however much it is sent.
   */
  readonly depth: number;
  /** What happens to mail beyond that. */
  readonly overflow: "reject-new" | "drop-oldest" | "dead-letter";
}

/**
 * - `accepted`: it waits in the inbox (with `drop-oldest`, the oldest one is with the dead letters, but
 *   no answer and no command, and nothing that `waiting` has last given while the agent's claim is held)
 * - `duplicate`: an envelope of this id was accepted or dead-lettered before; nothing changed
 * - `dead-lettered`: the inbox is full, it is kept with the dead letters
 * - `rejected`: the inbox is full, nothing changed
 * - `unknown`: there is no such agent; `terminated`: there was one
 * - `busy`: the agent is on its way out or in: to be delivered again a little later
 * - `moved`: the agent lives elsewhere now
 * - `unreachable`, by a carrier alone: there is no way to the recipient, and to try again cannot help
 * - `oversized`, by a carrier alone: it is larger than what can be carried
 * - `repetitive`, by a carrier alone: its sender has said enough in this place, and would never end
 * - `unpublished`: it is for everybody, and nobody here can publish it
 */
export type Receipt =
  | "accepted"
  | "duplicate"
  | "dead-lettered"
  | "rejected"
  | "unknown"
  | "terminated"
  | "busy"
  | "moved"
  | "unreachable"
  | "oversized"
  | "repetitive"
  | "unpublished";

export interface MailQuery {
  readonly box: "inbox" | "deadletter";
  /** Positions above this one only. */
  readonly after?: number | undefined;
  /** Only the one with this id. */
  readonly envelope?: string | undefined;
  readonly limit: number;
}

export interface SeenQuery {
  readonly after?: string | undefined;
  readonly limit: number;
}

export interface MailRow {
  /** Rises with each delivery to this agent. */
  readonly position: number;
  readonly envelope: Envelope;
  /** When it was delivered; when it was sent, for a dead letter that never was in the inbox. */
  readonly at: number;
  /** Ticks that were begun for it and did not end well. */
  readonly attempts: number;
  /** It is not taken before this time; 0 when it may be taken now. */
  readonly notBefore: number;
  /** Why it is a dead letter. */
  readonly reason?: string;
}

export interface OutboxRow {
  /** Rises with each row, over all agents. */
  readonly seq: number;
  /** The sender's id. */
  readonly agent: string;
  readonly envelope: Envelope;
}

/** The third door: one agent's files, inbox and record, for whoever holds its claim. */
export interface Ledger {
  /** The value at each path, undefined where there is no file. */
  read(id: string, paths: readonly string[]): Promise<readonly (Value | undefined)[]>;
  /** Files whose path starts with `prefix` and is above `after`, by path as UTF-8 bytes. */
  files(id: string, query: TreeQuery): Promise<readonly TreeRow[]>;
  /**
   * Paths of files that have all of these words (`wordsOf`), the last written first. What was brought along
   * (`restore`), or written by a version of this package that had no search, counts as written in the order
   * of paths.
   */
  search(id: string, query: FoundQuery): Promise<readonly string[]>;
  /** The newest row of the trajectory. */
  head(id: string): Promise<LogHead | undefined>;
  /** Rows of the trajectory with `n` above `after`, by rising `n`. */
  log(id: string, after: number, limit: number): Promise<readonly LogRow[]>;
  /**
   * Waiting mail as it is to be taken: by falling priority, then by position. While its claim is held,
   * what was given since the last first page is not dropped for other mail.
   */
  waiting(id: string, query: WaitingQuery): Promise<readonly MailRow[]>;
  /** Writes files in the middle of a tick: the step journal. @throws STALE_CLAIM */
  journal(claim: Claim, files: readonly TreeRow[]): Promise<void>;
  /** All that one tick changes, or nothing. @throws STALE_CLAIM, also when its agent neither ticks nor is paused */
  commit(claim: Claim, changes: Changes): Promise<void>;
}

export interface WaitingQuery {
  readonly limit: number;
  /** Mail that comes after this row only, which need not wait any more. */
  readonly after?: MailRow | undefined;
  /** Senders whose mail is passed over, but for their commands (`source` "control"). */
  readonly except?: readonly string[] | undefined;
  /** Answers (a `response` with `replyTo`) and commands only. */
  readonly urgent?: boolean | undefined;
}

/** The content of a file: text is kept as text, so that JSON is not encoded twice. */
export type Value = string | Uint8Array;

export interface TreeQuery {
  readonly prefix: string;
  readonly after?: string | undefined;
  readonly limit: number;
}

export interface TreeRow {
  readonly path: string;
  readonly value: Value;
}

export interface LogHead {
  readonly n: number;
  readonly hash: string;
}

/** One row of the trajectory. See `trajectory.ts` for what the texts hold. */
export interface LogRow extends LogHead {
  /** The record, canonical JSON. */
  readonly record: string;
  /** What the tick gave out and logged, canonical JSON; its digest is in the record. */
  readonly output: string | undefined;
}

/** All that one tick changes. */
export interface Changes {
  /** Its row of the trajectory; `n` must be one above the head's (1 at first), else STALE_CLAIM. */
  readonly log: LogRow;
  readonly put?: readonly TreeRow[];
  /** Files to remove; a path that ends in "/" removes all files below it. Done before `put`. */
  readonly remove?: readonly string[];
  /** Positions of mail that is done with. It must be waiting, else STALE_CLAIM. */
  readonly ack?: readonly number[];
  /** Mail to try again later. It must be waiting, else STALE_CLAIM. */
  readonly retry?: readonly {
    readonly position: number;
    readonly notBefore: number;
    readonly attempts: number;
  }[];
  /** Envelopes to put with the dead letters, wherever they were before. */
  readonly bury?: readonly {
    readonly envelope: Envelope;
    readonly attempts: number;
    readonly reason: string;
  }[];
  /** Outgoing mail. */
  readonly send?: readonly Envelope[];
  /** When the agent is next due by time; null for never, absent for no change. */
  readonly wakeAt?: number | null;
  readonly status?: AgentStatus;
}

/** The fourth door: who is to be ticked, and the right to do it. */
export interface DueClock {
  /**
   * Agents in a ticking status whose time has come and whom no good claim holds, the longest due
   * first, `limit` of them at most; and with `mail`, those with mail that may be taken, in order of
   * creation, `limit` of them at most. Costs nothing for agents that are not due.
   */
  due(query: DueQuery): Promise<Due>;
  /**
   * The right to tick an agent, until `until` (ms since 1970) passes or it is released. Undefined
   * while another claim on it is good.
   */
  claim(id: string, now: number, until: number): Promise<Claim | undefined>;
  /** Moves the end of a claim. False when the claim is no longer good. */
  renew(claim: Claim, until: number): Promise<boolean>;
  /**
   * Lets go. With `wakeAt`, corrects when the agent is next due (null for never). Nothing happens
   * for a claim that is no longer good.
   */
  release(claim: Claim, wakeAt?: number | null): Promise<void>;
}

export interface DueQuery {
  readonly now: number;
  readonly limit: number;
  readonly mail: boolean;
  /** From the answer before, to go on from there; opaque. */
  readonly cursor?: string | undefined;
}

export interface Due {
  readonly agents: readonly string[];
  /** The earliest `wakeAt` after `now`; mail that is put off does not count. */
  readonly next: number | undefined;
  /** Given when there may be more than were asked for. */
  readonly cursor?: string | undefined;
}

/** The fenced right to tick one agent. Only its store can make one. */
export interface Claim {
  readonly id: string;
  /** Rises with each claim on this agent; checked inside every write. */
  readonly fence: number;
}
