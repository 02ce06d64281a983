import type { Json } from "../json.ts";

/** What was said, by conversation. The longest unused goes when there are too many. */
export interface Conversations {
  /** In order of id, after `after`; `limit` 1 to 1000, default 100. */
  list(query?: {
    readonly after?: string | undefined;
    readonly limit?: number | undefined;
  }): Promise<readonly ConversationFacts[]>;
  /**
   * The conversation of this id, which is there once it has a message. The id is often whom it is with.
   * @param id 1 to 200 characters, none of them "/" or a control character; not "." or ".."
   * @throws INVALID for another id
   */
  get(id: string): Conversation;
}

/** One conversation: messages with numbers that follow each other, of which the oldest may be gone. */
export interface Conversation {
  readonly id: string;
  /** Undefined when nothing was said in it. */
  facts(): Promise<ConversationFacts | undefined>;
  /**
   * Adds a message after the last; the oldest go when there are too many, or too many bytes.
   * @throws INVALID for what is no message, LIMIT for one above `limits.valueBytes`
   */
  append(message: NewMessage): Promise<Message>;
  /** Says in the place of a message what it should have been; time and tokens as they are given anew. */
  replace(n: number, message: NewMessage): Promise<Message>;
  /** By rising number, after `after`; `limit` 1 to 1000, default 100. */
  messages(query?: {
    readonly after?: number | undefined;
    readonly limit?: number | undefined;
  }): Promise<readonly Message[]>;
  /** The last `count` messages, 1 to 1000, by rising number. */
  last(count: number): Promise<readonly Message[]>;
  /**
   * What a model is to be shown: the newest messages that fit into so many tokens together with the
   * summary of what was before them. No result of a tool is without its call.
   */
  context(budget: { readonly tokens: number }): Promise<ConversationContext>;
  /** Undefined while there is none. */
  summary(): Promise<Summary | undefined>;
  /**
   * Keeps a summary of all messages up to number `upTo`, in place of the one there was. The messages stay.
   * @throws INVALID for a number that no message had, or no text
   */
  summarise(summary: {
    readonly upTo: number;
    readonly text: string;
    readonly tokens?: number | undefined;
  }): Promise<Summary>;
  /** Removes the messages up to number `upTo`; the numbers of those to come go on. */
  forget(upTo: number): Promise<void>;
  /** Removes all of it. Nothing happens when it is not there. */
  remove(): Promise<void>;
}

export const ROLES = ["system", "user", "assistant", "tool"] as const;

/** A message that is to be. */
export interface NewMessage {
  readonly role: (typeof ROLES)[number];
  /** Text, or the parts of a message of the AI SDK's V4 prompt. */
  readonly content: Json;
  /** How many tokens it is for a model. Default: an estimate, a token for each 4 bytes. */
  readonly tokens?: number | undefined;
  /** When it was said, ms since 1970. Default: now. */
  readonly at?: number | undefined;
}

export interface Message {
  /** From 1 on. */
  readonly n: number;
  readonly role: (typeof ROLES)[number];
  readonly content: Json;
  readonly tokens: number;
  readonly at: number;
}

/** What stands for the messages up to a number. */
export interface Summary {
  readonly upTo: number;
  readonly text: string;
  readonly tokens: number;
  readonly at: number;
}

export interface ConversationFacts {
  readonly id: string;
  /** The numbers of its oldest and its newest message; `first` is one above `last` where all are gone. */
  readonly first: number;
  readonly last: number;
  /** Of all its messages. */
  readonly tokens: number;
  readonly bytes: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** A conversation as far as it fits. */
export interface ConversationContext {
  /** Absent when there is none, or it alone is too long. */
  readonly summary?: Summary;
  /** By rising number; none of them is in the summary. */
  readonly messages: readonly Message[];
  /** Of the summary and the messages. */
  readonly tokens: number;
  /** How many messages are neither in here nor in the summary: time for a newer one when there are many. */
  readonly omitted: number;
}

/** Small values by key, the files of `/memory/kv`. */
export interface KeyValues {
  /** What is at a key: text where it is no JSON; undefined for nothing. */
  get(key: string): Promise<Json | undefined>;
  /** @throws INVALID for no JSON or no key, LIMIT for more than 65,536 bytes or 10,000 keys */
  set(key: string, value: Json): Promise<void>;
  /** Nothing happens when there is nothing. */
  remove(key: string): Promise<void>;
  /** In order of key, after `after`; `limit` 1 to 1000, default 100. */
  list(query?: {
    readonly after?: string | undefined;
    readonly limit?: number | undefined;
  }): Promise<readonly KeyValue[]>;
}

export interface KeyValue {
  readonly key: string;
  readonly value: Json;
}

/**
 * What an agent has learned, each with how sure it is of it. That fades: it halves in 30 days. What has faded
 * below 0.05 is gone, and the least sure goes when there are too many.
 */
export interface Patterns {
  /** In order of id, after `after`; `limit` 1 to 1000, default 100. */
  list(query?: {
    readonly after?: string | undefined;
    readonly limit?: number | undefined;
  }): Promise<readonly Pattern[]>;
  get(id: string): Promise<Pattern | undefined>;
  /**
   * Keeps it; what is known, but for case and spaces, is reinforced.
   * @throws INVALID for a field that cannot be kept
   */
  learn(pattern: LearnedPattern): Promise<Pattern>;
  /**
   * Has it say something else, or be surer or less so: what is absent stays. Its id follows from its text.
   * @throws NOT_FOUND; INVALID as `learn`, and then it stays as it was
   */
  replace(id: string, pattern: LearnedPattern): Promise<Pattern>;
  /** It proved right: a fifth of what is missing to 1 is added. @throws NOT_FOUND */
  reinforce(id: string): Promise<Pattern>;
  /** It proved wrong: half as sure; undefined when that is too little to keep. @throws NOT_FOUND */
  weaken(id: string): Promise<Pattern | undefined>;
  /**
   * Those with some of the words, the best first: by the share of the words that they have, times how
   * sure they are. `limit` 1 to 100, default 10.
   */
  find(words: string, query?: { readonly limit?: number | undefined }): Promise<readonly Pattern[]>;
  /** Nothing happens when it is not there. */
  forget(id: string): Promise<void>;
}

/** Something to be learned. */
export interface LearnedPattern {
  /** 1 to 2,000 characters. */
  readonly text: string;
  /** 0.05 to 1, to the thousandth; default 0.5. Of what is known, the higher of the two counts. */
  readonly confidence?: number | undefined;
  /** Where it is from: 1 to 500 characters. */
  readonly source?: string | undefined;
}

export interface Pattern {
  /** 16 hex digits, of its text. */
  readonly id: string;
  readonly text: string;
  /** As of now, 0 to 1, to the thousandth. */
  readonly confidence: number;
  readonly source?: string;
  readonly createdAt: number;
  /** When it was last learned, reinforced or weakened. */
  readonly updatedAt: number;
}

/** What an agent has read elsewhere: files by path, pages by address. What was read is not kept, but that it was. */
export interface FilesRead {
  /**
   * It was read, now. What is absent stays as it was noted before, and null takes it away; of what has another
   * `digest` than before nothing stays.
   * @param path 1 to 2,000 characters, none of them a control character
   * @throws INVALID for a field that cannot be kept
   */
  note(path: string, facts?: NotedRead): Promise<FileRead>;
  /** Undefined for what was not read, or is forgotten. */
  get(path: string): Promise<FileRead | undefined>;
  /** In order of id, after that of the path `after`; `limit` 1 to 1000, default 100. */
  list(query?: {
    readonly after?: string | undefined;
    readonly limit?: number | undefined;
  }): Promise<readonly FileRead[]>;
  /** Nothing happens when it is not there. */
  forget(path: string): Promise<void>;
}

/** What is noted of something that was read. */
export interface NotedRead {
  /** By which a change is seen: a hash, an ETag, a revision; 1 to 200 characters. */
  readonly digest?: string | null | undefined;
  /** Bytes. */
  readonly size?: number | null | undefined;
  /** What it says, in short: 1 to 2,000 characters. */
  readonly summary?: string | null | undefined;
}

export interface FileRead {
  /** 16 hex digits, of its path. */
  readonly id: string;
  readonly path: string;
  readonly digest?: string;
  readonly size?: number;
  readonly summary?: string;
  /** When it was read last, ms since 1970, and how often it was. */
  readonly readAt: number;
  readonly reads: number;
}
