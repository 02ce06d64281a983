import { textOf } from "../../core/envelope.ts";
import type { Envelope } from "../../core/envelope.ts";
import type { Json } from "../../core/json.ts";
import { tagValue } from "../../identity/event.ts";
import type { EventTemplate, NostrEvent } from "../../identity/event.ts";
import { envelopeId, failureOf, payloadFor } from "./letter.ts";

/** A direct message of NIP-04. */
export const LEGACY = 4;
/** A note (NIP-10), which mentions whom its `p` tags name. */
export const NOTE = 1;
/** What became of a job so far (NIP-90). */
const JOB_FEEDBACK = 7000;
/** How much the kind of a job's result is above that of its request (NIP-90). */
const RESULT = 1000;

/** True for the kinds of job requests (NIP-90). */
export function isJob(kind: number): boolean {
  return kind >= 5000 && kind <= 5999;
}

/** The envelope of a note that mentions an agent: its payload has the `text` and the whole `event`. */
export function mentionOf(
  event: NostrEvent,
  { from, to }: { readonly from: string; readonly to: string },
): Envelope {
  return {
    ...publicEnvelope(event, { from, to }),
    type: "mention",
    payload: { text: event.content, event: jsonOf(event) },
  };
}

/**
 * The envelope of a job request (NIP-90): its payload has the first input that is text as `text`,
 * the `inputs` and `params` of its tags, and the whole `event`.
 */
export function jobOf(
  event: NostrEvent,
  { from, to }: { readonly from: string; readonly to: string },
): Envelope {
  const inputs = event.tags.flatMap(([name, data, type = "text", relay = "", marker = ""]) =>
    name === "i" && data !== undefined ? [{ data, type, relay, marker }] : [],
  );
  const params = event.tags.flatMap(([name, key, ...values]): [string, string[]][] =>
    name === "param" && key !== undefined ? [[key, values]] : [],
  );
  const text = inputs.find(({ type }) => type === "text")?.data ?? event.content;
  const output = tagValue(event, "output");
  const bid = tagValue(event, "bid");
  return {
    ...publicEnvelope(event, { from, to }),
    type: "request",
    payload: {
      text,
      kind: event.kind,
      inputs,
      params: Object.fromEntries(params),
      ...(output !== undefined && { output }),
      ...(bid !== undefined && { bid }),
      event: jsonOf(event),
    },
  };
}

/**
 * What an agent says in public to an event that it was sent: a note in the thread of a note, the
 * result of a job, or that it failed, without why. Undefined when there is nothing to say. The same
 * each time.
 */
export function publicReply(reply: Envelope, original: NostrEvent): EventTemplate | undefined {
  const { payload, sentAt, type } = reply;
  const failed = failureOf(reply);
  if (type === "response" && payload === null && failed === undefined) return undefined;
  const created_at = Math.floor(sentAt / 1000);
  const content = textOf(payloadFor(reply));
  const { id, kind, pubkey } = original;
  if (kind === NOTE) {
    // Not whom the note names besides: each of them would be woken by an agent that they never wrote to.
    const tags = [...threadOf(original), ["p", pubkey]];
    return { kind: NOTE, created_at, tags, content };
  }
  const tags = [
    ["e", id],
    ["p", pubkey],
  ];
  if (failed !== undefined) {
    return {
      kind: JOB_FEEDBACK,
      created_at,
      tags: [["status", "error", content], ...tags],
      content,
    };
  }
  const inputs = original.tags.filter(([name]) => name === "i");
  const request = ["request", JSON.stringify(jsonOf(original))];
  return { kind: kind + RESULT, created_at, tags: [request, ...inputs, ...tags], content };
}

function publicEnvelope(
  event: NostrEvent,
  { from, to }: { readonly from: string; readonly to: string },
): Omit<Envelope, "type" | "payload"> {
  return {
    id: envelopeId(event),
    sentAt: event.created_at * 1000,
    source: "nostr",
    from,
    to,
  };
}

/** The `e` tags of a reply: where the thread began, and what is replied to (NIP-10). */
function threadOf({ id, tags }: NostrEvent): readonly string[][] {
  const events = tags.filter(([name]) => name === "e");
  const root = events.find((tag) => tag[3] === "root")?.[1] ?? events[0]?.[1];
  if (root === undefined) return [["e", id, "", "root"]];
  return [
    ["e", root, "", "root"],
    ["e", id, "", "reply"],
  ];
}

/** An event without what an object may carry beside. */
function jsonOf({ id, pubkey, created_at, kind, tags, content, sig }: NostrEvent): Json {
  return { id, pubkey, created_at, kind, tags: tags.map((tag) => [...tag]), content, sig };
}
