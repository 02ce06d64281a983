import type { Json } from "../../core/json.ts";

/** Headers that an agent's reply may set; no others, and so no cookies and nothing for a proxy. */
const ALLOWED: ReadonlySet<string> = new Set([
  "cache-control",
  "content-disposition",
  "content-language",
  "content-type",
  "etag",
  "expires",
  "last-modified",
  "link",
  "location",
  "retry-after",
  "vary",
  "x-hook-secret",
  "x-request-id",
]);

/** What an agent sends is shown by browsers as a page of the API's own address, so it may do nothing there. */
const HARMLESS: Readonly<Record<string, string>> = {
  "content-security-policy": "sandbox; default-src 'none'",
  "x-content-type-options": "nosniff",
};

/** Statuses that have no body. */
const EMPTY: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * An agent's reply as a response: an object of `status` (200 to 599), `headers` and `body`, at least one
 * of them and nothing else, says what it is; any other JSON is the body, with 200. A `body` that is text
 * goes as text, unless its headers say otherwise, any other as JSON.
 */
export function replyResponse(reply: Json, more: Readonly<Record<string, string>> = {}): Response {
  const { status, headers: given, body } = partsOf(reply);
  const headers = new Headers();
  for (const [name, value] of Object.entries(given)) {
    if (ALLOWED.has(name.toLowerCase()) && /^[\t\x20-\x7e]*$/.test(value)) headers.set(name, value);
  }
  for (const [name, value] of Object.entries({ ...HARMLESS, ...more })) headers.set(name, value);
  if (body === undefined || EMPTY.has(status)) {
    headers.delete("content-type");
    return new Response(null, { status, headers });
  }
  const isText = typeof body === "string";
  if (!headers.has("content-type")) {
    headers.set("content-type", isText ? "text/plain; charset=utf-8" : "application/json");
  }
  return new Response(isText ? body : JSON.stringify(body), { status, headers });
}

interface Parts {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Json | undefined;
}

function partsOf(reply: Json): Parts {
  const plain: Parts = { status: 200, headers: {}, body: reply };
  // Text that stands for itself is JSON there.
  if (typeof reply === "string") {
    return {
      ...plain,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(reply),
    };
  }
  if (reply === null || typeof reply !== "object" || Array.isArray(reply)) return plain;
  const keys = Object.keys(reply);
  if (keys.length === 0 || !keys.every((key) => PARTS.has(key))) return plain;
  const { status = 200, headers = {}, body } = reply;
  if (!Number.isInteger(status) || (status as number) < 200 || (status as number) > 599) {
    return plain;
  }
  if (headers === null || typeof headers !== "object" || Array.isArray(headers)) return plain;
  if (!Object.values(headers).every((value) => typeof value === "string")) return plain;
  return { status: status as number, headers: headers as Record<string, string>, body };
}

const PARTS: ReadonlySet<string> = new Set(["status", "headers", "body"]);
