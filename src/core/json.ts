import { OpenAgentsError } from "./errors.ts";

/** A value that JSON carries without loss (RFC 8259). */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** How deep arrays and objects may nest: what is deeper could overflow the stack somewhere later. */
const MAX_DEPTH = 500;

/**
 * Serialises `value` after checking that JSON would give the same value back.
 * `undefined` members of objects are left out, as JSON does, and -0 becomes 0. An object may occur
 * more than once, but the copies that are read back are apart. `what` names the value in the error,
 * which gives the path to what is wrong.
 * @throws INVALID for functions, symbols, bigints, non-finite numbers, `undefined` items and holes
 * in arrays, class instances, objects with a `toJSON` method, cycles, nesting deeper than 500, and
 * lone surrogates, which the record of a tick could not carry
 */
export function toJson(value: unknown, what: string): string {
  checkJson(value, what);
  return JSON.stringify(value);
}

/** The check of `toJson` alone. @throws INVALID as `toJson` does */
export function checkJson(value: unknown, what: string): asserts value is Json {
  check(value, what, []);
}

/** Parses JSON text. @throws INVALID with `what` and the position when it is not JSON */
export function parseJson(text: string, what: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new OpenAgentsError("INVALID", `Cannot parse ${what}: ${(error as Error).message}`);
  }
}

/**
 * RFC 8785 canonical JSON: members sorted by UTF-16 code units, numbers and strings as ECMAScript
 * prints them, no white space. `undefined` members are left out.
 * @throws INVALID for what `toJson` refuses
 */
export function canonicalJson(value: unknown): string {
  return canonical(value, 0);
}

function canonical(value: unknown, depth: number): string {
  if (typeof value === "string") return canonicalString(value);
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number" && Number.isFinite(value)) return JSON.stringify(value);
  if (typeof value !== "object" || !isPlain(value)) throw notCanonical(notJson(value));
  if (depth >= MAX_DEPTH) {
    throw notCanonical(`it nests more than ${MAX_DEPTH} levels or contains itself`);
  }
  let out = "";
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i += 1) {
      if (i > 0) out += ",";
      out += canonical(value[i], depth + 1);
    }
    return `[${out}]`;
  }
  const object = value as Record<string, unknown>;
  for (const key of Object.keys(object).sort()) {
    const member = object[key];
    if (member === undefined) continue;
    if (out !== "") out += ",";
    out += `${canonicalString(key)}:${canonical(member, depth + 1)}`;
  }
  return `{${out}}`;
}

function canonicalString(text: string): string {
  if (!text.isWellFormed()) throw notCanonical("a string has a lone surrogate");
  return JSON.stringify(text);
}

function notCanonical(detail: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot write canonical JSON: ${detail}`);
}

function check(value: unknown, path: string, above: object[]): void {
  if (isScalar(value)) return;
  if (typeof value !== "object" || value === null || !isPlain(value)) {
    throw notStored(path, notJson(value));
  }
  if (above.includes(value)) throw notStored(path, "it contains itself");
  if (above.length >= MAX_DEPTH) throw notStored(path, `it nests more than ${MAX_DEPTH} levels`);
  above.push(value);
  // A path is put together only for what has members of its own, or is wrong: most values are not.
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i += 1) {
      const item: unknown = value[i];
      if (!isScalar(item)) check(item, `${path}[${i}]`, above);
    }
  } else {
    const object = value as Record<string, unknown>;
    for (const key of Object.keys(object)) {
      const member = object[key];
      if (!key.isWellFormed()) throw notStored(path, "the name of a member has a lone surrogate");
      if (member !== undefined && !isScalar(member)) check(member, `${path}.${key}`, above);
    }
  }
  above.pop();
}

function isScalar(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value === "number") return Number.isFinite(value);
  return typeof value === "boolean" || value === null;
}

/** True for an array or an object that JSON gives back as it was; also one of another realm. */
function isPlain(value: object): boolean {
  if (typeof (value as { readonly toJSON?: unknown }).toJSON === "function") return false;
  if (Array.isArray(value)) return true;
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === null || prototype === Object.prototype) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "isPrototypeOf");
}

function notStored(path: string, detail: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot store "${path}": ${detail}`);
}

function notJson(value: unknown): string {
  if (typeof value === "string") return "the text has a lone surrogate";
  if (typeof value !== "object" || value === null) {
    const name = typeof value === "number" || value === undefined ? String(value) : typeof value;
    return `${name} is not JSON`;
  }
  const made = (value as { readonly constructor?: unknown }).constructor;
  const name = typeof made === "function" && made.name !== "" ? made.name : "object";
  return `${name} is not JSON, store plain objects, arrays, strings and numbers`;
}
