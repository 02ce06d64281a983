import type { Area, FoundQuery } from "../search.ts";
import type { Conversations, FilesRead, KeyValues, Patterns } from "./remembered.ts";

export type {
  Conversation,
  ConversationContext,
  ConversationFacts,
  Conversations,
  FileRead,
  FilesRead,
  KeyValue,
  KeyValues,
  LearnedPattern,
  Message,
  NewMessage,
  NotedRead,
  Pattern,
  Patterns,
  Summary,
} from "./remembered.ts";
export { ROLES } from "./remembered.ts";

/** Files of text of one agent as a tick sees and changes them: what it wrote is there with its commit. */
export interface TextFiles {
  /** Undefined where there is no file. */
  read(path: string): Promise<string | undefined>;
  /** Files whose path starts with `prefix` and is above `after`, by path as UTF-8 bytes. */
  list(query: FilesQuery): Promise<readonly FileText[]>;
  /** @throws LIMIT for more than `limits.valueBytes` */
  write(path: string, text: string): void;
  /** A path that ends in "/" removes all files below it. */
  remove(path: string): void;
  /** As `Ledger.search`, with what the tick changed. */
  search(query: FoundQuery): Promise<readonly string[]>;
}

/** The same, and files of whatever bytes. */
export interface AgentFiles extends TextFiles {
  bytes(path: string): Promise<Uint8Array | undefined>;
  /** As `list`, with the sizes of files in bytes and not their contents. */
  sizes(query: FilesQuery): Promise<readonly FileSize[]>;
  write(path: string, content: string | Uint8Array): void;
}

export interface FilesQuery {
  readonly prefix: string;
  readonly after?: string | undefined;
  /** 1 to 1000. */
  readonly limit: number;
}

/** A file, and how many bytes it has. */
export interface FileSize {
  readonly path: string;
  readonly size: number;
}

export interface FileText {
  readonly path: string;
  readonly value: string;
}

/** What an agent remembers beside its state. All of it changes with the tick's commit. */
export interface Memory {
  readonly peers: PeerBook;
  readonly conversations: Conversations;
  readonly patterns: Patterns;
  /** What it has read elsewhere; what it keeps itself is below `/memory/files/`. */
  readonly files: FilesRead;
  readonly kv: KeyValues;
  /**
   * What has all of the words, whatever their case and accents, what was written last first. A word that
   * ends in `*` stands for all that begin with it. Of a file the first 100,000 characters are looked at,
   * and its name.
   * @throws INVALID for no words, or more than 20
   */
  search(words: string, query?: MemoryQuery): Promise<readonly MemoryHit[]>;
}

export interface MemoryQuery {
  /** Where to look. Default: everywhere. */
  readonly in?: readonly Area[] | undefined;
  /** 1 to 100, default 10. */
  readonly limit?: number | undefined;
}

/** Something that was found. */
export interface MemoryHit {
  readonly in: Area;
  /**
   * The id of the conversation, pattern or goal, the key, the npub of the peer, the path below
   * `/memory/files/`, or the path or address of what was read.
   */
  readonly id: string;
  /** The number of the message, in a conversation; absent for its summary. */
  readonly n?: number;
  /** Where it is in the agent's tree of files. */
  readonly path: string;
  /** Some of its text, with the first of the words where there is one: at most 200 characters. */
  readonly text: string;
}

/** Whom an agent knows: agents and people, by their keys. */
export interface PeerBook {
  /**
   * By npub, hex key, or a name that was noted; undefined for a stranger. For a name the whole book is
   * looked through.
   */
  get(ref: string): Promise<Peer | undefined>;
  /** In order of npub, after `after`; `limit` 1 to 1000, default 100. */
  list(query?: { readonly after?: string; readonly limit?: number }): Promise<readonly Peer[]>;
  /**
   * Adds to what is known of a peer: names and relays are added, the rest replaced.
   * @param key npub or hex
   * @throws INVALID for what is no key, or a field that cannot be kept
   */
  note(key: string, facts: PeerFacts): Promise<Peer>;
  /** Nothing happens for a stranger. */
  forget(key: string): Promise<void>;
}

export const TRUST = ["unknown", "trusted", "distrusted"] as const;

export interface PeerFacts {
  readonly name?: string | undefined;
  /** `name@domain` (NIP-05). */
  readonly nip05?: string | undefined;
  /** Addresses of relays (`wss://…`) that the peer reads. */
  readonly relays?: readonly string[] | undefined;
  readonly trust?: (typeof TRUST)[number] | undefined;
  readonly note?: string | undefined;
}

export interface Peer {
  readonly npub: string;
  readonly names: readonly string[];
  readonly nip05?: string;
  readonly relays: readonly string[];
  readonly trust: (typeof TRUST)[number];
  readonly note?: string;
  /** When it was first met or noted, and when its mail came last, to the hour; ms since 1970. */
  readonly metAt: number;
  readonly seenAt?: number;
}

/** What an agent is to bring about: a tree of goals, at most 1000. All of it changes with the tick's commit. */
export interface Goals {
  /** In order of id, after `after`; `limit` 1 to 1000, default 100. */
  list(query?: { readonly after?: string; readonly limit?: number }): Promise<readonly Goal[]>;
  get(id: string): Promise<Goal | undefined>;
  /**
   * @throws EXISTS for an id that is there; INVALID for a field that cannot be kept, or a parent that is
   * not there; LIMIT when there are too many
   */
  add(goal: NewGoal): Promise<Goal>;
  /** What is absent stays. @throws NOT_FOUND; INVALID, also for a goal that would be below itself */
  update(id: string, change: GoalChange): Promise<Goal>;
  /** Goals below it go to where it was. @throws NOT_FOUND */
  remove(id: string): Promise<void>;
}

export const GOAL_STATUS = ["open", "done", "dropped"] as const;

export interface Goal {
  /** 1 to 100 letters, digits and `. _ : -`. */
  readonly id: string;
  /** 1 to 500 characters. */
  readonly title: string;
  readonly status: (typeof GOAL_STATUS)[number];
  /** A whole number from -100 to 100, the higher the more urgent. */
  readonly priority: number;
  /** 0 to 1. */
  readonly progress: number;
  /** The goal that it is a part of. */
  readonly parent?: string;
  /** 1 to 10,000 characters. */
  readonly note?: string;
  /** What came of it: 1 to 10,000 characters. */
  readonly result?: string;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** What of a goal is to be otherwise: null takes away a parent, a note or a result. */
export interface GoalChange {
  readonly title?: string | undefined;
  readonly status?: Goal["status"] | undefined;
  readonly priority?: number | undefined;
  readonly progress?: number | undefined;
  readonly parent?: string | null | undefined;
  readonly note?: string | null | undefined;
  readonly result?: string | null | undefined;
}

/** A goal that is to be: open, of priority 0 and with no progress unless it says otherwise. */
export interface NewGoal extends GoalChange {
  /** Default: a new UUID. */
  readonly id?: string | undefined;
  readonly title: string;
}

/** What a memory is made over. */
export interface MemoryTools {
  readonly files: TextFiles;
  readonly now: () => number;
  readonly newId: () => string;
  /** The npub of a key given as npub or hex; undefined for what is none. */
  readonly npub: (key: string) => string | undefined;
}

/** The memory of one agent during one tick, as the kernel keeps it up. */
export interface TickMemory extends Memory {
  readonly goals: Goals;
  /**
   * Makes or changes a file of `kv` in its turn, by what `write` does at once.
   * @throws INVALID for what is no key, LIMIT for a new one when there are too many
   */
  writeKey(key: string, write: () => void): Promise<void>;
  /** Mail came from this key's owner. Strangers are added up to a number. */
  met(npub: string): Promise<void>;
}
