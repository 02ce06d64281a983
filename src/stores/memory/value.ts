import type { Value } from "../../core/ports/store.ts";

/** A value that nobody else can change. */
export function copy(value: Value): Value;
export function copy(value: Value | undefined): Value | undefined;
export function copy(value: Value | undefined): Value | undefined {
  return value instanceof Uint8Array ? new Uint8Array(value) : value;
}
