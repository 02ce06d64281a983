/**
 * Up to when everything that each relay had was taken in, so that a restart goes on from there. May
 * forget: what is taken in once more is known by its id.
 */
export interface Cursors {
  /** Ms since 1970; undefined for a relay that never was read to its end. */
  load(relay: string): Promise<number | undefined>;
  save(relay: string, at: number): Promise<void>;
}

/** What agents last said of themselves at each relay, so that it is said once per change. May forget. */
export interface Announced {
  /** A digest of it; undefined when nothing was said. */
  load(relay: string, publicKey: string): Promise<string | undefined>;
  save(relay: string, publicKey: string, digest: string): Promise<void>;
}
