import type { AgentRecord } from "../agent.ts";
import type { Envelope } from "../envelope.ts";
import type { Receipt } from "./store.ts";

export type * from "./agent-face.ts";
export type * from "./brake.ts";
export type * from "./files.ts";
export type * from "./home-files.ts";
export type * from "./memory.ts";
export type * from "./model.ts";
export type * from "./secrets.ts";
export type * from "./store.ts";
export type * from "./tracer.ts";

/** Time, so that tests own it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls `run` once `ms` have passed; the result cancels it. Does not keep a process alive. */
  after(ms: number, run: () => void): () => void;
}

/** Randomness, so that tests own it. */
export interface Random {
  /** Unpredictable bytes, except in a test. */
  bytes(length: number): Uint8Array;
}

/** The part of factotum that the kernel sees. Private keys exist only behind it. */
export interface Signer {
  /**
   * There when the keys may have to wait for a passphrase. While it is locked, whatever needs a secret
   * rejects with LOCKED; `npub`, `publicKey`, `verify` and `isPoint` need none.
   */
  readonly lock?: Lock;
  /**
   * The key pair of a NIP-06 account (`m/44'/1237'/<account>'/0/0`), its public half.
   * @throws INVALID for the account of `home`
   */
  identity(account: number): Promise<Identity>;
  /** The runtime's own key pair, that no agent ever has: whom keys are sealed for. */
  home(): Promise<Identity>;
  /** The npub (NIP-19) of a public key. */
  npub(publicKey: string): string;
  /** The public key (hex) in an npub; undefined for text that is none. */
  publicKey(npub: string): string | undefined;
  /** A BIP-340 signature of a 32-byte message by an agent's key, 64 bytes. */
  sign(agent: Keyed, message: Uint8Array): Promise<Uint8Array>;
  /**
   * NIP-44 of 1 byte to 8 MiB, by an agent's key for the holder of the public key `peer` (hex).
   * @throws INVALID for a key that is none, or a plaintext of another size
   */
  encrypt(agent: Keyed, peer: string, plaintext: Uint8Array): Promise<string>;
  /**
   * What the holder of `peer` encrypted for this agent, or this agent for it.
   * @throws DENIED when the key is another one or the payload was altered; INVALID for a key that is
   * none; VERSION for another version of NIP-44
   */
  decrypt(agent: Keyed, peer: string, payload: string): Promise<Uint8Array>;
  /**
   * The text of a message of NIP-04, which nothing protects from being altered: for reading what
   * old clients send, never for anything that is trusted. Not every signer can.
   * @throws DENIED when it cannot be read; INVALID for a key that is none
   */
  decryptLegacy?(agent: Keyed, peer: string, payload: string): Promise<string>;
  /** An agent's private key, sealed by that key for the home with the public key `to` (hex). */
  seal(agent: Keyed, to: string): Promise<string>;
  /**
   * Takes in the key of an agent that was sealed for this home; gives what to keep as
   * `AgentRecord.key`. The same for the result of an earlier call.
   * @throws DENIED when it was sealed for another home, by another key, or altered
   */
  adopt(publicKey: string, sealed: string): Promise<string>;
  /**
   * Takes in a private key that somebody brings: an nsec (NIP-19), or an ncryptsec (NIP-49) with its
   * password. An agent with that key has no account.
   * @throws INVALID for text that is no key, a password where none is needed, and the home's own key;
   * DENIED when the password is wrong or missing
   */
  importKey(text: string, password?: string): Promise<ImportedKey>;
  /**
   * An agent's private key under a password: an ncryptsec (NIP-49), which any client of Nostr can read.
   * @throws INVALID for an empty password
   */
  exportKey(agent: Keyed, password: string): Promise<string>;
  /** A text of the home's own, sealed by the home's key for itself, under this name. */
  sealSecret(name: string, text: string): Promise<string>;
  /** What `sealSecret` was given. @throws DENIED under another name, at another home, and when it was altered */
  openSecret(name: string, sealed: string): Promise<string>;
  /** True when `signature` of `message` is by `publicKey` (hex). False for anything malformed. */
  verify(publicKey: string, message: Uint8Array, signature: Uint8Array): boolean;
  /** True for a public key (hex) that is on the curve; nobody can have another one. */
  isPoint(publicKey: string): boolean;
}

/** What is between a signer and its secrets until somebody gives the passphrase. It is never shut again. */
export interface Lock {
  readonly locked: boolean;
  /** Nothing happens when it is open. @throws DENIED for a wrong passphrase, or the keys of other agents */
  open(passphrase: string): Promise<void>;
}

/** What a signer needs to know of an agent to find its key, and what it is used for. */
export interface Keyed extends Pick<AgentRecord, "name" | "publicKey" | "account" | "key"> {
  /** What the record says of this use. */
  readonly purpose?: string | undefined;
}

export interface Identity {
  /** NIP-19. */
  readonly npub: string;
  /** x-only, lower-case hex. */
  readonly publicKey: string;
}

/** A key that was brought along, as the signer keeps it. */
export interface ImportedKey extends Identity {
  /** What to keep as `AgentRecord.key`. */
  readonly key: string;
}

/** Turns outside I/O into envelopes, and replies back into I/O. Knows nothing of agents' insides. */
export interface Driver {
  readonly name: string;
  /** Begins to feed `sink`; resolves when it does. */
  start(sink: Sink): Promise<() => Promise<void>>;
}

/**
 * What a driver puts envelopes into, in order. Resolves when they are durable, with what became of
 * each at the same index.
 */
export type Sink = (mail: readonly Envelope[]) => Promise<readonly Receipt[]>;

/** Where an agent's ticks run: in-process, a Durable Object, a container, a pod. */
export interface Host {
  /** Makes sure that the agent's place exists. Idempotent. */
  ensure(agent: AgentRecord): Promise<void>;
  /** Stops ticks there; what is stored stays. */
  stop(id: string): Promise<void>;
  /** Takes the place away. */
  remove(id: string): Promise<void>;
  /** Passes a request to it. */
  fetch(id: string, request: Request): Promise<Response>;
}

/**
 * The npub that a domain says is `name@domain` (NIP-05); undefined when it knows no such name. Rejects
 * when it cannot be asked now, with INVALID for what is no such name.
 */
export type NameResolver = (identifier: string) => Promise<string | undefined>;

/**
 * Takes mail to agents that are not in this store: in other objects, at other homes. What arrives
 * there is durable, and dedup there makes a second delivery of the same envelope nothing.
 */
export interface Carrier {
  /**
   * The npub of the agent with this name, which is then there to be delivered to; undefined when there
   * is none. Rejects when that cannot be known now.
   * @param fresh looks it up even when it is remembered
   */
  find?(name: string, fresh: boolean): Promise<string | undefined>;
  /**
   * What became of each envelope, at the same index, `to` being an npub. An envelope whose recipient cannot be reached now has the receipt `busy`: it is tried again later,
   * and later mail of the same sender to the same recipient waits with it.
   */
  deliver(mail: readonly Envelope[]): Promise<readonly Receipt[]>;
  /** Signs and publishes an agent's event (`EventDraft`); the same envelope is the same event. */
  publish?(event: Envelope): Promise<Receipt>;
}

/** A directory elsewhere, which gives agents their names. */
export interface Registry {
  /**
   * Sets `name` aside for an agent and has `apply` give it that name; the old one is free after that. A
   * crash on the way leaves the agent with the one or the other, and nobody else with either.
   * @throws EXISTS when another agent has the name; nothing was changed then
   */
  rename(agent: AgentRecord, name: string, apply: () => Promise<void>): Promise<void>;
}

/** Makes the agents that agents make, where the directory is elsewhere. */
export interface Nursery {
  /** The key of an account that no agent had, for a child of this name. @throws EXISTS when an agent has the name */
  reserve(name: string): Promise<Account>;
  /**
   * Makes an agent under the first of these names that is free; its entry, also where it was made before.
   * Undefined when all are taken. What cannot be now rejects.
   */
  bear(
    child: Omit<AgentRecord, "status">,
    names: readonly string[],
  ): Promise<Pick<AgentRecord, "name" | "status"> | undefined>;
}

/** Of an agent's entry, what its account makes. */
export interface Account {
  readonly id: string;
  readonly publicKey: string;
  readonly account: number;
}

/** Passes mail on to the new homes of agents that moved away. */
export interface Forwarder {
  /**
   * What became of each envelope there, at the same index, once that is durable. Rejects, or has the
   * receipt `busy`, when the home cannot be reached now.
   */
  forward(to: NewHome, mail: readonly Envelope[]): Promise<readonly Receipt[]>;
}

/** Where an agent has moved to. */
export interface NewHome {
  /** The address of its control API. */
  readonly url: string;
  /** The agent's id. */
  readonly agent: string;
  /** The right to deliver mail to this agent there. */
  readonly ticket: string;
  /** How many homes will have passed the mail on, with this one: 1 where it was not passed on before. */
  readonly hops: number;
}

/**
 * A host that keeps the time itself, as a Durable Object does with its alarm: the runtime then has no
 * timer for what the store knows to be due, and `Runtime.takeUp` is called when something is.
 */
export interface Waker {
  /** Nothing runs and nothing is ready: told at the end of the turn that brought this about. */
  idle(): void;
  /**
   * `Runtime.takeUp` is to be called at this time, of which the store knows nothing. A later call about
   * the same takes its place; undefined takes it back.
   */
  remind?(about: Reminder, at: number | undefined): void;
}

/**
 * An agent stays that has not left by then (`move`); outgoing mail is tried again (`mail`); a directory
 * elsewhere is told how an agent is (`directory`); the brake is on and is looked at again (`brake`).
 */
export type Reminder = "move" | "mail" | "directory" | "brake";
