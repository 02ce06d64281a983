import { isKey, isNpub } from "../../core/agent.ts";
import { isHops, MAX_HOPS, textOf } from "../../core/envelope.ts";
import type { Envelope, EnvelopeType } from "../../core/envelope.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import type { Json } from "../../core/json.ts";
import { tagValue } from "../../identity/event.ts";
import { CHAT_MESSAGE, FILE_MESSAGE } from "../../identity/nip17.ts";
import { decodeNpub } from "../../identity/nip19.ts";
import { rumorOf } from "../../identity/nip59.ts";
import type { Rumor } from "../../identity/nip59.ts";

/**
 * The tag that carries what an envelope has beside its text, as JSON, in the rumor of a message from
 * one runtime to another. Other clients pass over it.
 */
export const ENVELOPE_TAG = "openagents";

/** The members of an envelope that travel in the tag. */
interface Head {
  readonly id?: string;
  readonly type?: string;
  readonly sentAt?: number;
  /** The content is JSON, not plain text. */
  readonly json?: true;
  readonly replyTo?: string;
  readonly traceId?: string;
  readonly seq?: number;
  readonly expiresAt?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** How long the chain of mail is that led to this one (`limits.hops`). */
  readonly hops?: number;
  /** The code of the error that a response is. */
  readonly error?: string;
}

/** What may come from another runtime; the other types are the kernel's own. */
const TYPES: ReadonlySet<string> = new Set<EnvelopeType>(["message", "request", "response"]);
/** Ids are taken over only in this form, which nobody can guess: one that was guessed could be used up. */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const EVENT = /^nostr:(\d{1,5}):([0-9a-f]{64})$/;
/** Headers that the kernel acts on: they travel, where they do, beside the headers and checked. */
const RESERVED: ReadonlySet<string> = new Set(["hops", "error", "alarm"]);
/** The form of the code of an error. */
const CODE = /^[A-Z][A-Z_]{0,39}$/;
const HEADERS = 32;
const HEADER_LENGTH = 1000;

/** The id of the envelope for an event, which also says how it is answered. */
export function envelopeId({ kind, id }: { readonly kind: number; readonly id: string }): string {
  return `nostr:${kind}:${id}`;
}

/** The event that an envelope's id stands for; undefined for an id of a runtime's own. */
export function eventOf(
  id: string | undefined,
): { readonly kind: number; readonly id: string } | undefined {
  const match = id === undefined ? null : EVENT.exec(id);
  return match === null ? undefined : { kind: Number(match[1]), id: match[2]! };
}

/** The public key (hex) that an envelope is for, or from; undefined for a name. */
export function keyOf(address: string): string | undefined {
  if (!isNpub(address)) return isKey(address) ? address.toLowerCase() : undefined;
  try {
    return decodeNpub(address);
  } catch {
    return undefined;
  }
}

/**
 * The direct message (NIP-17) that carries an envelope, the same each time. To one who wrote with an
 * ordinary client it is plain text, a reply to what was written. To others it carries id, type and
 * the rest of the envelope in a tag, and text as plain text. Of an error it says the code alone.
 * @param from and `to` are public keys; `n` says which of the mail of one moment was sent first
 */
export function rumorFor(
  envelope: Envelope,
  { from, to, n }: { readonly from: string; readonly to: string; readonly n?: number },
): Rumor {
  const { id, type, sentAt, replyTo, traceId, seq = n, expiresAt, headers } = envelope;
  const payload = payloadFor(envelope);
  const failure = failureOf(envelope);
  const hops = hopsIn(headers);
  const written = eventOf(replyTo);
  const tags: (readonly string[])[] = [["p", to]];
  if (expiresAt !== undefined) tags.push(["expiration", String(Math.ceil(expiresAt / 1000))]);
  const created_at = Math.floor(sentAt / 1000);
  if (written !== undefined) {
    tags.push(["e", written.id, "", "reply"]);
    return rumorOf({ kind: CHAT_MESSAGE, created_at, tags, content: textOf(payload) }, from);
  }
  const plain = typeof payload === "string";
  const head: Head = {
    id,
    type,
    sentAt,
    ...(!plain && { json: true }),
    ...(replyTo !== undefined && { replyTo }),
    ...(traceId !== undefined && { traceId }),
    ...(seq !== undefined && { seq }),
    ...(expiresAt !== undefined && { expiresAt }),
    ...(headers !== undefined && { headers: headersOf(headers) ?? {} }),
    ...(hops > 0 && { hops }),
    ...(failure !== undefined && { error: failure }),
  };
  tags.push([ENVELOPE_TAG, JSON.stringify(head)]);
  const content = plain ? payload : JSON.stringify(payload);
  return rumorOf({ kind: CHAT_MESSAGE, created_at, tags, content }, from);
}

/**
 * The envelope in a direct message, from the npub that sealed it to that of an agent.
 * @throws INVALID when it is of another kind, or its tag holds no envelope; the caller checks the whole
 */
export function envelopeOf(
  rumor: Rumor,
  { from, to }: { readonly from: string; readonly to: string },
): Envelope {
  const { kind, id, created_at, content } = rumor;
  if (kind !== CHAT_MESSAGE && kind !== FILE_MESSAGE) throw refused(`it has kind ${kind}`);
  const head = headOf(rumor);
  const sent = created_at * 1000;
  const base = { source: "nostr", from, to };
  if (head?.id === undefined) {
    const subject = tagValue(rumor, "subject");
    return {
      ...base,
      id: envelopeId({ kind, id }),
      sentAt: sent,
      type: "message",
      payload: kind === FILE_MESSAGE ? fileOf(rumor) : content,
      ...(subject !== undefined && { headers: { subject } }),
    };
  }
  const { type, sentAt = sent, json, replyTo, traceId, seq, expiresAt, error } = head;
  if (!UUID.test(head.id)) throw refused("its id is no UUID");
  if (type === undefined || !TYPES.has(type)) throw refused(`its type is none that may be sent`);
  if (error !== undefined && !CODE.test(error)) throw refused("its error is no code");
  // Whoever was asked may say that it failed: that is its answer.
  const failed = type === "response" && error !== undefined && { error };
  const given = headersOf(head.headers);
  // Who counts wrongly ends a chain of its own too early, or has it begin anew.
  const counted = isHops(head.hops) && head.hops > 0 && { hops: String(head.hops) };
  const headers = failed || counted ? { ...given, ...failed, ...counted } : given;
  return {
    ...base,
    id: head.id,
    // The rumor's own time is the one that was checked.
    sentAt: Math.floor(sentAt / 1000) === created_at ? sentAt : sent,
    type: type as EnvelopeType,
    payload: json === true ? parseJson(content, "message") : content,
    ...(replyTo !== undefined && { replyTo }),
    ...(traceId !== undefined && { traceId }),
    ...(seq !== undefined && { seq }),
    ...(expiresAt !== undefined && { expiresAt }),
    ...(headers !== undefined && { headers }),
  };
}

/** What is in an event's tag of ours; undefined when it has none. @throws INVALID when it is no object */
export function headOf(event: Pick<Rumor, "tags">): Head | undefined {
  const text = tagValue(event, ENVELOPE_TAG);
  if (text === undefined) return undefined;
  const head = parseJson(text, "envelope");
  if (typeof head === "object" && head !== null && !Array.isArray(head)) return head;
  throw refused("its envelope is no object");
}

/** The code of the error that an envelope tells of; undefined when it tells of none. */
export function failureOf({ headers }: Envelope): string | undefined {
  const code = headers?.["error"];
  return code === undefined || CODE.test(code) ? code : "REMOTE";
}

/** What leaves this home of a payload: of an error not its text, which may say anything of the inside. */
export function payloadFor(envelope: Envelope): Json {
  const code = failureOf(envelope);
  return code === undefined ? envelope.payload : `It failed: ${code}`;
}

/** Headers as they come from outside, and go there: without those of the kernel. @throws INVALID */
export function headersOf(headers: unknown): Readonly<Record<string, string>> | undefined {
  if (headers === undefined) return undefined;
  const entries = typeof headers === "object" ? Object.entries(headers ?? {}) : [];
  if (entries.length > HEADERS) throw refused(`it has more than ${HEADERS} headers`);
  const kept: Record<string, string> = {};
  for (const [name, value] of entries as [string, unknown][]) {
    if (typeof value !== "string" || name.length + value.length > HEADER_LENGTH) {
      throw refused("a header is no text, or too long");
    }
    if (!RESERVED.has(name)) kept[name] = value;
  }
  return kept;
}

/** The count of hops in an agent's own headers, as it may leave this home. */
function hopsIn(headers: Envelope["headers"]): number {
  const hops = Number(headers?.["hops"] ?? 0);
  return hops >= 0 ? Math.min(Math.floor(hops), MAX_HOPS) : 0;
}

/** A file message: its address, and what its tags say of the file. */
function fileOf({ content, tags }: Rumor): Json {
  const file = tags.flatMap(([name, value]) =>
    name === undefined || value === undefined || name === "p" ? [] : [[name, value] as const],
  );
  return { text: content, file: Object.fromEntries(file) };
}

function refused(why: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot read message: ${why}`);
}
