import { base64 } from "./plain.ts";

/** What is shorter would be found everywhere. */
const SHORTEST = 4;

/**
 * How a secret looks in what programs make of it: as it is, and as it stands in JSON (twice over too), in HTML, in an
 * address or a form, as hexadecimal digits, and as Base64 of any bytes that it is within. The longest first.
 */
export function formsOf(secret: string): readonly string[] {
  const value = secret.toWellFormed();
  const bytes = new TextEncoder().encode(value);
  const escaped = inJson(value);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const coded = [
    encodeURIComponent(value),
    encodeURI(value),
    new URLSearchParams([["", value]]).toString().slice(1),
  ];
  const forms = [
    secret,
    value,
    // The line that a file ends with is often not used.
    value.trim(),
    escaped,
    ascii(escaped),
    escaped.replaceAll("/", "\\/"),
    ascii(escaped).replaceAll("/", "\\/"),
    inJson(escaped),
    inHtml(value),
    ...coded,
    ...coded.map((text) => text.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase())),
    hex,
    hex.toUpperCase(),
    ...base64Forms(bytes),
  ];
  return [...new Set(forms)]
    .filter((form) => form.length >= SHORTEST)
    .sort((a, b) => b.length - a.length);
}

/**
 * Base64 of the bytes alone, and of them after one and two others: what of that depends on nothing but them. A
 * character holds 6 bits, so that the first and last may be shared with what stands around.
 */
function base64Forms(bytes: Uint8Array): readonly string[] {
  const forms = [base64(bytes).replace(/=+$/, "")];
  for (const before of [0, 1, 2]) {
    const padded = new Uint8Array(before + bytes.length);
    padded.set(bytes, before);
    const from = Math.ceil((before * 8) / 6);
    const to = Math.floor((padded.length * 8) / 6);
    forms.push(base64(padded).slice(from, to));
  }
  return forms.flatMap((form) => [form, form.replaceAll("+", "-").replaceAll("/", "_")]);
}

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

/** As writers of JSON have it that know ASCII alone. */
function ascii(text: string): string {
  return text.replaceAll(
    /[^\0-\x7f]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

const HTML: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function inHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (mark) => HTML[mark]!);
}
