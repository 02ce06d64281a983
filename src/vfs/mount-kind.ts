import type { AgentRecord } from "../core/agent.ts";
import type { FileService } from "../core/ports/index.ts";

/** What a mount of a kind is made for. */
export interface MountPlace {
  /** Whose tree it stands in. */
  readonly agent: AgentRecord;
  /** Where. */
  readonly path: string;
}

/**
 * Makes what is mounted of a `source`, which an operator wrote. Nothing is opened or asked for yet: what is
 * not there is missed by whoever uses it.
 * @throws INVALID for a source that is none of this kind; DENIED for one that is not allowed here
 */
export interface MountKind {
  (source: string, at: MountPlace): FileService;
  /**
   * The source as it is kept: with names, which may be another's later and are another's elsewhere, made
   * what they stand for now. Default: as it was written. @throws NOT_FOUND for nobody's name
   */
  readonly settle?: (source: string) => Promise<string>;
}

/** The kinds of mounts that a home knows, by name. */
export type MountKinds = Readonly<Record<string, MountKind>>;
