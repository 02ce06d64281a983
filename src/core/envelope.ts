import { isNpub } from "./agent.ts";
import { OpenAgentsError } from "./errors.ts";
import { checkJson } from "./json.ts";
import type { Json } from "./json.ts";

/**
 * The one wire format at the outer edge: everything that reaches an agent from outside a tick is an
 * envelope. Times are milliseconds since 1970.
 */
export interface Envelope {
  /** Unique per recipient: a second envelope with the same id has no effect. 1 to 200 characters. */
  readonly id: string;
  readonly sentAt: number;
  /** The driver it came in by: `"agent"`, `"http"`, `"control"`, `"clock"` … */
  readonly source: string;
  /** An agent's npub, or a name of the driver's for the sender outside, like `"operator"`. */
  readonly from: string;
  /** The recipient: an agent's npub, or its name while that is all that is known. */
  readonly to: string;
  /** The name that the sender knew the recipient by, if it did. */
  readonly toName?: string;
  readonly type: EnvelopeType;
  readonly payload: Json;
  /**
   * The payload is sealed (`seal.ts`): between sender and recipient, or for the one who has it alone.
   * The mail of agents always is; what comes from no agent is not.
   */
  readonly sealed?: "sender" | "own";
  /** The id of the envelope that this one answers. */
  readonly replyTo?: string;
  readonly traceId?: string;
  /** The sender's own count, for its use; order here is by delivery. */
  readonly seq?: number;
  /** After this time it is not acted on but put with the dead letters. */
  readonly expiresAt?: number;
  /** -100 to 99, default 0, and 100 for commands: higher is taken first. Order per sender holds within one priority. */
  readonly priority?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The recipient of what is for everybody: an event that is to be published. */
export const PUBLIC = "*";

/**
 * The kinds of envelope. `request` and `response` are the two halves of `ctx.request`; `control`
 * carries a lifecycle command in its payload.
 */
export const ENVELOPE_TYPES = [
  "message",
  "request",
  "response",
  "alarm",
  "event",
  "mention",
  "manual",
  "initialize",
  "control",
] as const;
export type EnvelopeType = (typeof ENVELOPE_TYPES)[number];

/** The longest chain of mail that is counted from home to home. */
export const MAX_HOPS = 1_000_000;

/** True for a count of hops that may come from another home: a whole number from 0 to `MAX_HOPS`. */
export function isHops(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MAX_HOPS;
}

/** What a tick sees of the envelope that caused it. */
export interface Trigger {
  readonly type: TriggerType;
  /** The envelope's id. */
  readonly id: string;
  readonly from: string;
  readonly source: string;
  readonly sentAt: number;
  readonly payload: Json;
  /** The payload when it is text, or its `text` member, else the payload as JSON. */
  readonly text: string;
  readonly replyTo: string | undefined;
  /** Whoever sent it waits for `ctx.reply`. */
  readonly expectsReply: boolean;
  readonly headers: Readonly<Record<string, string>>;
}

export type TriggerType = "message" | "alarm" | "event" | "mention" | "manual" | "initialize";

/** Which trigger an envelope becomes. */
const TRIGGER_OF: Readonly<Record<EnvelopeType, TriggerType>> = {
  message: "message",
  request: "message",
  response: "message",
  alarm: "alarm",
  event: "event",
  mention: "mention",
  manual: "manual",
  initialize: "initialize",
  control: "manual",
};

/** Which trigger an envelope of a type becomes. */
export function triggerTypeOf(type: EnvelopeType): TriggerType {
  return TRIGGER_OF[type];
}

/** The trigger that a tick sees for `envelope`. */
export function triggerOf(envelope: Envelope): Trigger {
  return {
    type: TRIGGER_OF[envelope.type],
    id: envelope.id,
    from: envelope.from,
    source: envelope.source,
    sentAt: envelope.sentAt,
    // Copies: what a hook does to them must not change what is stored of the envelope.
    payload:
      typeof envelope.payload === "object" ? structuredClone(envelope.payload) : envelope.payload,
    text: textOf(envelope.payload),
    replyTo: envelope.replyTo,
    expectsReply: envelope.type === "request",
    headers: { ...envelope.headers },
  };
}

/** True for mail that is taken whatever its agent waits for: an answer, or a command. */
export function isUrgent({ type, replyTo, source }: Envelope): boolean {
  return source === "control" || (type === "response" && replyTo !== undefined);
}

/** How much more of such mail may wait in an inbox than its depth allows of others. */
export const URGENT_ROOM = 1000;

/** The text of a payload: itself when it is a string, its `text` member, else its JSON. */
export function textOf(payload: Json): string {
  if (typeof payload === "string") return payload;
  if (payload !== null && typeof payload === "object" && !Array.isArray(payload)) {
    if (typeof payload["text"] === "string") return payload["text"];
  }
  return JSON.stringify(payload);
}

/**
 * Checks an envelope that comes from outside: each field by its own rule, not that the sender or the
 * recipient exists. Unknown fields are let pass.
 * @throws INVALID naming the field that is wrong
 */
export function checkEnvelope(envelope: unknown): asserts envelope is Envelope {
  if (!isObject(envelope)) {
    throw new OpenAgentsError("INVALID", "Cannot accept envelope: it must be an object");
  }
  for (const [field, [fits, need]] of Object.entries(RULES)) {
    if (!fits(envelope[field])) {
      throw new OpenAgentsError("INVALID", `Cannot accept envelope: "${field}" must be ${need}`);
    }
  }
  checkJson(envelope["payload"], "payload");
}

/** What the ids begin with that the kernel makes of something else, so that they are always the same. */
const OWN_IDS = ["alarm:", "bounce:", "child:", "clone:"] as const;

/**
 * Checks that an id from outside is none that the kernel gives: mail under it would pass for the
 * kernel's own, which would then be a duplicate. @throws INVALID naming what is taken
 */
export function checkForeignId(id: string): void {
  if (id !== "initialize" && !OWN_IDS.some((prefix) => id.startsWith(prefix))) return;
  const taken = OWN_IDS.map((prefix) => `"${prefix}…"`).join(", ");
  throw new OpenAgentsError(
    "INVALID",
    `Cannot accept envelope: "id" must not be one of the kernel's own: "initialize", ${taken}`,
  );
}

/**
 * Checks that an id with which somebody sends is none that anything here gives, be it the kernel or what
 * fires schedules. @throws INVALID naming what is taken
 */
export function checkSentId(id: string): void {
  checkForeignId(id);
  if (!id.startsWith(SCHEDULED)) return;
  throw new OpenAgentsError(
    "INVALID",
    `Cannot accept envelope: "id" must not begin with "${SCHEDULED}", as those of schedules do`,
  );
}

/** What the ids of what schedules send begin with. */
export const SCHEDULED = "schedule:";

type Rule = readonly [fits: (value: unknown) => boolean, need: string];

const ID_NEED = "1 to 200 characters with no control character, slash or lone surrogate";
const TEXT_NEED = "text with no control character or lone surrogate";
const TIME_NEED = "a time in whole milliseconds since 1970";

/** What each field must be; the payload, which may be any JSON, is checked apart. */
const RULES: Readonly<Record<Exclude<keyof Envelope, "payload">, Rule>> = {
  id: [isId, ID_NEED],
  sentAt: [isCount, TIME_NEED],
  source: [isText, TEXT_NEED],
  from: [isText, TEXT_NEED],
  to: [isText, "an agent"],
  toName: [optional(isText), TEXT_NEED],
  sealed: [optional((value) => value === "sender" || value === "own"), '"sender" or "own"'],
  type: [
    (value) => (ENVELOPE_TYPES as readonly unknown[]).includes(value),
    `one of ${ENVELOPE_TYPES.join(", ")}`,
  ],
  replyTo: [optional(isId), ID_NEED],
  traceId: [optional(isText), TEXT_NEED],
  seq: [optional(isCount), "a whole number from 0"],
  expiresAt: [optional(isCount), TIME_NEED],
  priority: [
    optional((value) => Number.isInteger(value) && Math.abs(value as number) <= 100),
    "a whole number from -100 to 100",
  ],
  headers: [optional(isHeaders), "an object of text"],
};

function optional(fits: (value: unknown) => boolean): (value: unknown) => boolean {
  return (value) => value === undefined || fits(value);
}

// eslint-disable-next-line no-control-regex
const PRINTABLE = /^[^\u0000-\u001f]+$/;

/** The record of a tick carries these texts as canonical JSON, which has no lone surrogates. */
function isText(value: unknown): boolean {
  return typeof value === "string" && value.isWellFormed() && PRINTABLE.test(value);
}

function isId(value: unknown): boolean {
  return isText(value) && (value as string).length <= 200 && !(value as string).includes("/");
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isHeaders(value: unknown): boolean {
  return isObject(value) && Object.values(value).every((header) => typeof header === "string");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * How long the chain of mail is that led to this envelope. Agents count it, in what they seal; a count
 * that is none is longer than any limit.
 */
export function hopsOf({ from, headers }: Envelope): number {
  const hops = isNpub(from) ? (headers?.["hops"] ?? "0") : "0";
  return /^\d{1,15}$/.test(hops) ? Number(hops) : Number.POSITIVE_INFINITY;
}
