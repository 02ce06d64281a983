import type { Envelope } from "./envelope.ts";

/**
 * What a driver made of something outside, before it is said whom it is for. `to` is there where the
 * outside named somebody: an agent's npub, hex key or name.
 */
export interface Draft extends Omit<Envelope, "to" | "sealed" | "toName"> {
  readonly to?: string;
}
