import { checkEnvelope } from "./envelope.ts";
import type { Envelope } from "./envelope.ts";
import { OpenAgentsError } from "./errors.ts";
import type { Receipt } from "./ports/store.ts";

/**
 * What a driver makes of something outside: an envelope for which it is not settled yet who gets it.
 * `to` is whom the outside addressed, if it addressed anybody. Nothing in it is sealed.
 */
export type DraftEnvelope = Omit<Envelope, "to" | "sealed"> & { readonly to?: string };

/** An envelope that goes to somebody, and by which rule. */
export interface Routed {
  readonly rule: string;
  readonly envelope: Envelope;
}

/** What becomes of a draft. */
export interface Routing {
  /** In the order of the rules. */
  readonly routed: readonly Routed[];
  /** The rule that ended it, if one did, and why nobody else gets it. */
  readonly dropped: { readonly rule: string; readonly reason: string } | undefined;
  /** The rules that changed it on its way, in their order. */
  readonly changedBy: readonly string[];
  /** No rule was for it, and it does not say itself whom it is for: nobody gets it. */
  readonly unrouted: boolean;
}

/** What became of a draft, and of each envelope that was made of it. */
export interface Plumbed extends Routing {
  /** At the index of the envelope in `routed`. */
  readonly receipts: readonly Receipt[];
}

/** What a driver puts drafts into, in order; resolves when what was made of them is durable. */
export type DraftSink = (drafts: readonly DraftEnvelope[]) => Promise<readonly Plumbed[]>;

// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000a-\u001f\u007f]/;
/** A field name of HTTP (RFC 9110, section 5.1). */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9a-z-]+$/i;

/** True for what can be the name of a header. */
export function isHeaderName(name: string): boolean {
  return name.length <= 200 && HEADER_NAME.test(name);
}

/** True for what can be the value of a header: text that no line can be smuggled into. */
export function isHeaderValue(value: string): boolean {
  return value.isWellFormed() && !CONTROL.test(value);
}

/**
 * Checks a draft: each field as of an envelope, and that no header has a name or a control character
 * by which it could become another header further on. @throws INVALID naming what is wrong
 */
export function checkDraft(draft: unknown): asserts draft is DraftEnvelope {
  if (typeof draft !== "object" || draft === null || Array.isArray(draft)) {
    throw new OpenAgentsError("INVALID", "Cannot route envelope: it must be an object");
  }
  const { to, ...rest } = draft as Record<string, unknown>;
  // Whoever gets it is settled later.
  const envelope: unknown = { ...rest, to: to ?? "nobody" };
  checkEnvelope(envelope);
  if (envelope.sealed !== undefined) {
    throw new OpenAgentsError("INVALID", 'Cannot route envelope: "sealed" must not be there');
  }
  for (const [name, value] of Object.entries(envelope.headers ?? {})) {
    if (isHeaderName(name) && isHeaderValue(value)) continue;
    throw new OpenAgentsError(
      "INVALID",
      `Cannot route envelope: the header ${JSON.stringify(name)} must have a name of letters, digits and "-", and no control character`,
    );
  }
}
