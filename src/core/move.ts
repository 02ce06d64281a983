import type { AgentRecord, AgentStatus } from "./agent.ts";
import { canonicalJson } from "./json.ts";
import { sha256Hex } from "./hash.ts";
import type { LogHead } from "./ports/index.ts";
import type { AgentInfo } from "./runtime.ts";

/**
 * What a home does with mail to an agent that left: pass it on, or say that it moved. Either way the
 * control API says where to.
 */
export const FORWARD_POLICIES = ["forward", "refuse"] as const;
export type ForwardPolicy = (typeof FORWARD_POLICIES)[number];

export interface LeaveOptions {
  /** A new name for this move: 1 to 64 letters, digits, "-" and "_". */
  readonly move: string;
  /** Ms until it stays after all, unless it departs. Default 300,000. */
  readonly wait?: number | undefined;
}

/** Where a move ends. */
export interface MoveGoal {
  readonly move: string;
  /** The address of the new home's control API, as the old one reaches it. */
  readonly url: string;
  /** What `import` there gave. Not needed to ask once more for the receipt of a move that is over. */
  readonly ticket?: string | undefined;
  /** Default `forward`. */
  readonly policy?: ForwardPolicy | undefined;
}

/** An old home's receipt: the agent left it, with this record, and will not tick there again. */
export interface Departure {
  readonly agent: string;
  readonly move: string;
  readonly head: LogHead | null;
  /** BIP-340, by the agent's key, hex: see `departureDigest`. */
  readonly signature: string;
}

/** An old home's word: the agent did not leave it by this move, and never will. */
export interface Stayed {
  readonly agent: string;
  readonly move: string;
  /** BIP-340, by the agent's key, hex: see `stayedDigest`. */
  readonly signature: string;
}

export interface ImportOptions {
  /**
   * - `restore` (default): the same agent
   * - `clone`: a new one with its state, alarms and memory, a key and a record of its own, and no mail
   * - `migrate`: as `restore`, also when its state is of an older version
   */
  readonly mode?: ImportMode | undefined;
  /** Another name than it has. One that was here before keeps the name that it has here. */
  readonly name?: string | undefined;
}

/** An import at a home whose directory is elsewhere, and has set things aside for it. */
export interface SetAside extends ImportOptions {
  /** The account of a clone's key. */
  readonly account?: number | undefined;
}

export const IMPORT_MODES = ["restore", "clone", "migrate"] as const;
export type ImportMode = (typeof IMPORT_MODES)[number];

/** An agent that was taken in. */
export interface Imported {
  readonly agent: AgentInfo;
  /** What differs between its old home and this one. */
  readonly warnings: readonly string[];
  /** For an agent that moves: what its old home needs to pass on mail. A secret. */
  readonly ticket?: string;
}

/** What an agent's record holds of moves, as JSON in `AgentRecord.move`. */
export interface Move {
  /** SHA-256 of the tickets of homes that it left, the newest last. */
  readonly tickets?: readonly string[];
  /** Moves of it that are over here, the newest last: by which it came, or did not leave. */
  readonly past?: readonly string[];
  /** When its newest move began, ms since 1970: rises with each, over all homes. */
  readonly at?: number;
  readonly leaving?: Leaving;
  readonly moved?: Moved;
  readonly arriving?: Arriving;
}

export interface Leaving {
  readonly move: string;
  /** The status it had. */
  readonly was: AgentStatus;
  readonly until: number;
  /** How long it may take to depart once its bundle was read, ms. */
  readonly wait: number;
}

export interface Moved {
  readonly move: string;
  readonly url: string;
  readonly ticket: string;
  readonly policy: ForwardPolicy;
  readonly receipt: Departure;
}

export interface Arriving {
  /** Absent when it does not come from another home. */
  readonly move?: string | undefined;
  /** When the move began, or its bundle was made. */
  readonly createdAt: number;
  /** The status it is to have. */
  readonly was: AgentStatus;
  readonly head: LogHead | null;
  /** All of it is here, and checked. */
  readonly complete: boolean;
  /** It was here before, and moved away. */
  readonly before?: Moved | undefined;
}

/** How many tickets and past moves are kept. */
const KEPT = 64;

export function moveOf({ move }: Pick<AgentRecord, "move">): Move {
  return move === undefined ? {} : (JSON.parse(move) as Move);
}

/** As it is stored; null for nothing. */
export function moveText({ tickets = [], past = [], ...stage }: Move): string | null {
  const kept = {
    ...(tickets.length > 0 && { tickets: tickets.slice(-KEPT) }),
    ...(past.length > 0 && { past: past.slice(-KEPT) }),
    ...stage,
  };
  return Object.keys(kept).length === 0 ? null : JSON.stringify(kept);
}

/** The same between two moves. */
export function settled({ tickets, past, at }: Move): Move {
  return { ...(tickets && { tickets }), ...(past && { past }), ...(at !== undefined && { at }) };
}

/** What the signature of a receipt is over: 32 bytes, hex. */
export function departureDigest({ agent, move, head }: Omit<Departure, "signature">): string {
  return sha256Hex(`openagents-departure\n${canonicalJson({ agent, move, head })}`);
}

/** What the signature of an old home's word that an agent stayed is over: 32 bytes, hex. */
export function stayedDigest({ agent, move }: Omit<Stayed, "signature">): string {
  return sha256Hex(`openagents-stayed\n${canonicalJson({ agent, move })}`);
}
