import { OpenAgentsError } from "../core/errors.ts";

/**
 * A place in an agent's stream: tick `n` is seen, and of what follows it the first `parts` of a durable
 * tick, or what a running one was told as, up to a place of it.
 */
export interface StreamPosition {
  readonly n: number;
  readonly parts: number;
  readonly live?: LivePlace | undefined;
}

/** A place in a running tick, as `RunningTick` counts. */
export interface LivePlace {
  /** The id of the try. */
  readonly id: string;
  readonly at: number;
}

/** Reads an event's id. @throws INVALID for what is none */
export function streamPosition(text: string): StreamPosition {
  const match = /^(\d{1,15})(?:\.(\d{1,9})|~([0-9a-z-]{1,40})\.(\d{1,15}))?$/.exec(text);
  if (match === null) {
    throw new OpenAgentsError("INVALID", `Cannot resume stream: "${text}" is no id of an event`);
  }
  const [, n, parts = 0, id, at] = match;
  const live = id === undefined ? undefined : { id, at: Number(at) };
  return { n: Number(n), parts: Number(parts), live };
}

/** The id of an event, by the place behind it. */
export function positionText({ n, parts, live }: StreamPosition): string {
  if (parts > 0) return `${n}.${parts}`;
  return live === undefined ? String(n) : `${n}~${live.id}.${live.at}`;
}
