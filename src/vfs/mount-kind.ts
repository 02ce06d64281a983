import type { FileService } from "../core/ports/index.ts";

/**
 * Makes what is mounted of a `source`, which an operator wrote. Nothing is opened or asked for yet: what is
 * not there is missed by whoever uses it.
 * @throws INVALID for a source that is none of this kind; DENIED for one that is not allowed here
 */
export type MountKind = (source: string, at: MountPlace) => FileService;

/** Where something is mounted. */
export interface MountPlace {
  /** The agent in whose tree it stands: its npub. */
  readonly agent: string;
  readonly path: string;
}
