import type { DraftEnvelope } from "../../../src/core/draft-envelope.ts";
import type { Json } from "../../../src/core/json.ts";
import { compileRules } from "../../../src/drivers/plumber.ts";
import type { PlumberRule, PlumberTransform } from "../../../src/core/plumber-rules.ts";

/** A draft with what a test says of it. */
export function draft(given: Partial<DraftEnvelope> = {}): DraftEnvelope {
  return { id: "d", sentAt: 1, source: "http", from: "ada", type: "event", payload: {}, ...given };
}

/** Whom a draft goes to by these rules, as `RULE>AGENT`, `RULE!REASON` or `nobody`. */
export function went(rules: readonly PlumberRule[], given: Partial<DraftEnvelope>): string {
  const { routed, dropped, unrouted } = compileRules({ rules }).route(draft(given));
  const parts = routed.map(({ rule, envelope }) => `${rule}>${envelope.to}`);
  if (dropped !== undefined) parts.push(`${dropped.rule}!${dropped.reason}`);
  if (unrouted) parts.push("nobody");
  return parts.join(" ");
}

/** True when a rule with these conditions is for the draft. */
export function fits(when: PlumberRule["when"], given: Partial<DraftEnvelope>): boolean {
  const rule = { name: "r", send: "a", ...(when !== undefined && { when }) };
  return went([rule], given) === "r>a";
}

/** A draft, changed. */
export function changed(transform: PlumberTransform, given: Partial<DraftEnvelope>): DraftEnvelope {
  const rules = [{ name: "r", transform, send: "a" }];
  return compileRules({ rules }).route(draft(given)).routed[0]!.envelope;
}

/** A payload, changed. */
export function payload(transform: PlumberTransform, before: Json): Json {
  return changed(transform, { payload: before }).payload;
}
