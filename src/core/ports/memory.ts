/** The files of one agent as a tick sees and changes them: what it wrote is there with its commit. */
export interface AgentFiles {
  /** Undefined where there is no file. */
  read(path: string): Promise<string | undefined>;
  /** Files whose path starts with `prefix` and is above `after`, by path as UTF-8 bytes. */
  list(query: FilesQuery): Promise<readonly FileText[]>;
  /** @throws LIMIT for a longer text than `limits.valueBytes` */
  write(path: string, text: string): void;
  remove(path: string): void;
}

export interface FilesQuery {
  readonly prefix: string;
  readonly after?: string | undefined;
  /** 1 to 1000. */
  readonly limit: number;
}

export interface FileText {
  readonly path: string;
  readonly value: string;
}

/** What an agent remembers beside its state. All of it changes with the tick's commit. */
export interface Memory {
  readonly peers: PeerBook;
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

/** What a memory is made over. */
export interface MemoryTools {
  readonly files: AgentFiles;
  readonly now: () => number;
  /** The npub of a key given as npub or hex; undefined for what is none. */
  readonly npub: (key: string) => string | undefined;
}

/** The memory of one agent during one tick, as the kernel keeps it up. */
export interface TickMemory extends Memory {
  /** Mail came from this key's owner. Strangers are added up to a number. */
  met(npub: string): Promise<void>;
}
