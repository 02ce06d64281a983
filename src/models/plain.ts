import type { Json } from "../core/json.ts";

/**
 * What a provider or a tool gave, as JSON that a step can keep: bytes become Base64, dates ISO text, `undefined`
 * members go, lone surrogates become U+FFFD, and what JSON has no word for becomes text or the name of its type. A circle, or
 * nesting deeper than 100, becomes null.
 */
export function plain(value: unknown, above: readonly object[] = []): Json {
  if (typeof value === "string") return value.toWellFormed();
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "boolean" || value === null || value === undefined) return value ?? null;
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object") return typeof value;
  if (value instanceof Uint8Array) return base64(value);
  if (value instanceof ArrayBuffer) return base64(new Uint8Array(value));
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof URL) return value.href;
  if (value instanceof Error) return value.message.toWellFormed();
  if (above.includes(value) || above.length >= 100) return null;
  const below = [...above, value];
  if (Array.isArray(value)) return value.map((item) => plain(item, below));
  if (value instanceof Map || value instanceof Set) return plain([...value], below);
  const { toJSON } = value as { readonly toJSON?: unknown };
  if (typeof toJSON === "function") return plain(toJSON.call(value), below);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(
    members.map(([key, member]) => [key.toWellFormed(), plain(member, below)]),
  );
}

/** Bytes as Base64 (RFC 4648), with padding. */
export function base64(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  }
  return btoa(text);
}
