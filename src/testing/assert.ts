import type { ErrorCode } from "../core/errors.ts";

/** Thrown by the checks below; any test runner shows it. */
export class AssertionError extends Error {
  override readonly name: string = "AssertionError";
}

/** @throws AssertionError when `value` is not truthy */
export function ok(value: unknown, what: string): asserts value {
  if (!value) throw new AssertionError(`Expected ${what}`);
}

/**
 * Compares deeply: arrays, bytes and plain objects by content, the rest as `Object.is` does. A
 * member that is undefined equals one that is absent.
 * @throws AssertionError
 */
export function equal(actual: unknown, expected: unknown, what: string = "value"): void {
  const path = difference(actual, expected, what);
  if (path === undefined) return;
  throw new AssertionError(`Expected ${path}\nin ${show(expected)}\nbut got ${show(actual)}`);
}

/** @throws AssertionError unless `promise` rejects with an error of this code */
export async function rejects(promise: Promise<unknown>, code: ErrorCode): Promise<void> {
  let result: unknown;
  try {
    result = await promise;
  } catch (error) {
    if ((error as { code?: unknown }).code === code) return;
    throw new AssertionError(`Expected an error with code ${code} but got ${String(error)}`, {
      cause: error,
    });
  }
  throw new AssertionError(`Expected an error with code ${code} but got ${show(result)}`);
}

/** Where two values first differ; undefined when they are equal. */
function difference(actual: unknown, expected: unknown, path: string): string | undefined {
  if (Object.is(actual, expected)) return undefined;
  const leaf = `"${path}" to be ${show(expected)}, not ${show(actual)}`;
  if (!isObject(actual) || !isObject(expected)) return leaf;
  if (actual instanceof Uint8Array || expected instanceof Uint8Array) {
    return sameBytes(actual, expected) ? undefined : leaf;
  }
  if (Array.isArray(actual) !== Array.isArray(expected)) return leaf;
  for (const key of new Set([...Object.keys(actual), ...Object.keys(expected)])) {
    const found = difference(actual[key], expected[key], `${path}.${key}`);
    if (found !== undefined) return found;
  }
  return undefined;
}

function sameBytes(a: unknown, b: unknown): boolean {
  if (!(a instanceof Uint8Array && b instanceof Uint8Array)) return false;
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function show(value: unknown): string {
  if (value === undefined) return "undefined";
  const text = value instanceof Uint8Array ? `${value.length} bytes` : JSON.stringify(value);
  return text.length <= 500 ? text : `${text.slice(0, 500)}…`;
}
