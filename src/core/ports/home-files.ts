/**
 * What a home keeps beside its agents (tokens, subscriptions, schedules …): an ordered map from path to
 * text. Paths are like `tokens/abc`; nothing but their order is meant by them.
 *
 * Errors are `OpenAgentsError`s: `STORE`, `CORRUPT`, and `INVALID` for a path or a limit that no
 * adapter can take.
 */
export interface HomeFiles {
  /** The text at a path; undefined when there is none. */
  read(path: string): Promise<string | undefined>;
  /** Entries whose path starts with `prefix` and is above `after`, by path as UTF-8 bytes. */
  list(query: HomeFilesQuery): Promise<readonly HomeFile[]>;
  /**
   * Changes all of it, or nothing; durable when it resolves. False, and nothing is changed, when what
   * is there is not what `expect` says.
   */
  write(change: HomeFilesChange): Promise<boolean>;
  /** Lets go of what is held. Idempotent; other calls then fail. */
  close(): Promise<void>;
}

export interface HomeFile {
  /** 1 to 500 characters, no control character, no lone surrogate. */
  readonly path: string;
  /** At most 1 MiB as UTF-8. */
  readonly value: string;
}

export interface HomeFilesQuery {
  readonly prefix: string;
  /** Paths above this one only. */
  readonly after?: string | undefined;
  /** Paths below this one only. */
  readonly before?: string | undefined;
  /** 1 to 1000. */
  readonly limit: number;
  /** False: every `value` is empty, and none is read, as only the paths are asked for. */
  readonly values?: boolean | undefined;
}

export interface HomeFilesChange {
  readonly put?: readonly HomeFile[] | undefined;
  /** Nothing happens for a path that is not there. Done before `put`. */
  readonly remove?: readonly string[] | undefined;
  /** What must be there for the change to be made: the text at each path, undefined for none. */
  readonly expect?:
    | readonly { readonly path: string; readonly value: string | undefined }[]
    | undefined;
}
