import type { Json } from "../core/json.ts";

/** Nobody has use for more; without a bound, what refers to itself many times would have no end. */
const LARGEST = 64 * 1024 * 1024;
const DEEPEST = 100;

/**
 * What a provider or a tool gave, as JSON that a step can keep: bytes become Base64, dates ISO text, `undefined`
 * members go, lone surrogates become U+FFFD, and what JSON has no word for becomes text or the name of its type. A circle, or
 * nesting deeper than 100, becomes null.
 */
export function plain(value: unknown): Json {
  return new Plain(LARGEST).of(value);
}

/**
 * The same, as far as about `size` characters of JSON: where `isCut`, what comes after those is not there. No more
 * memory is taken than that, however large the value is.
 */
export function plainWithin(
  value: unknown,
  size: number,
): { readonly value: Json; readonly isCut: boolean } {
  const made = new Plain(size);
  return { value: made.of(value), isCut: made.isCut };
}

class Plain {
  isCut = false;
  #left: number;

  constructor(size: number) {
    this.#left = size;
  }

  of(value: unknown, above: readonly object[] = []): Json {
    if (typeof value === "string") return this.#text(value);
    this.#left -= 1;
    if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
    if (typeof value === "boolean" || value === null || value === undefined) return value ?? null;
    if (typeof value === "bigint") return this.#text(value.toString());
    if (typeof value !== "object") return typeof value;
    if (value instanceof Uint8Array) return this.#bytes(value);
    if (value instanceof ArrayBuffer) return this.#bytes(new Uint8Array(value));
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
    if (value instanceof URL) return this.#text(value.href);
    if (value instanceof Error) return this.#text(value.message);
    if (above.includes(value) || above.length >= DEEPEST) return null;
    const below = [...above, value];
    if (Array.isArray(value) || value instanceof Map || value instanceof Set) {
      return this.#list(value as Iterable<unknown>, below);
    }
    const { toJSON } = value as { readonly toJSON?: unknown };
    if (typeof toJSON === "function") return this.of(toJSON.call(value), below);
    return this.#members(value as Readonly<Record<string, unknown>>, below);
  }

  #list(values: Iterable<unknown>, above: readonly object[]): Json {
    const list: Json[] = [];
    for (const one of values) {
      if (this.#isFull()) break;
      list.push(this.of(one, above));
    }
    return list;
  }

  #members(value: Readonly<Record<string, unknown>>, above: readonly object[]): Json {
    const members: [string, Json][] = [];
    for (const key of Object.keys(value)) {
      const member = value[key];
      if (member === undefined) continue;
      if (this.#isFull()) break;
      members.push([this.#text(key), this.of(member, above)]);
    }
    return Object.fromEntries(members);
  }

  #text(text: string): string {
    const kept = text.length > this.#left ? text.slice(0, Math.max(0, this.#left)) : text;
    this.isCut ||= kept.length < text.length;
    this.#left -= kept.length + 1;
    return kept.toWellFormed();
  }

  #bytes(bytes: Uint8Array): string {
    const kept = bytes.subarray(0, Math.max(0, this.#left));
    this.isCut ||= kept.length < bytes.length;
    const text = base64(kept);
    this.#left -= text.length;
    return text;
  }

  #isFull(): boolean {
    this.isCut ||= this.#left <= 0;
    return this.isCut;
  }
}

/** Bytes as Base64 (RFC 4648), with padding. */
export function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(text);
}
