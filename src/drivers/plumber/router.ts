import type { DraftEnvelope, Routed, Routing } from "../../core/draft-envelope.ts";
import type { Envelope } from "../../core/envelope.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import { sha256Hex } from "../../core/hash.ts";
import { PLUMBER_LIMITS } from "./limits.ts";
import { DIRECT } from "./read-rules.ts";
import { RuleIndex } from "./rule-index.ts";
import type { Branch, Rule } from "./rule.ts";
import { Subject } from "./subject.ts";
import { transform } from "./transform.ts";
import type { Bounds } from "./transform.ts";
import { Work } from "./work.ts";

/** The header in which an envelope has the name of the rule by which it went where it is. */
export const RULE_HEADER = "plumber-rule";

/**
 * Turns drafts into envelopes that have a recipient, by rules.
 *
 * The first envelope made of a draft keeps its id. Each further one has an id made of that, its rule and
 * its number there; so the same draft always gives the same ids, and one that comes twice is a duplicate.
 */
export interface Plumber {
  /** The names of the rules, in their order. */
  readonly rules: readonly string[];
  /**
   * What becomes of a draft. The same draft gives the same each time, and nothing else is looked at or
   * changed. The draft must be one that `checkDraft` takes.
   * @throws LIMIT for a draft of which there would be too many envelopes, or too large a one
   */
  route(draft: DraftEnvelope): Routing;
}

/** A plumber of these rules. */
export function router(rules: readonly Rule[], payloadLength: number): Plumber {
  const index = new RuleIndex(rules);
  return {
    rules: rules.map(({ name }) => name),
    route(draft) {
      const routed: Routed[] = [];
      const changedBy: string[] = [];
      const bounds = { payloadLength, work: new Work() };
      let subject = new Subject(draft, bounds.work);
      let waiting = index.candidates(subject, 0).values();
      for (let step = waiting.next(); !step.done; step = waiting.next()) {
        const { name, when, action } = rules[step.value]!;
        if (!subject.fits(when)) continue;
        if (action.kind === "drop") {
          const dropped = { rule: name, reason: action.reason };
          return { routed, dropped, changedBy, unrouted: false };
        }
        if (action.kind === "change") {
          changedBy.push(name);
          if (changedBy.length > PLUMBER_LIMITS.changes) throw tooMuch("changes", draft);
          subject = new Subject(transform(subject.draft, action.transform, bounds), bounds.work);
          // Other rules may be for what it is now.
          waiting = index.candidates(subject, step.value + 1).values();
          continue;
        }
        for (const [i, branch] of action.branches.entries()) {
          if (routed.length >= PLUMBER_LIMITS.envelopes) throw tooMuch("envelopes", draft);
          const id = routed.length === 0 ? draft.id : idOf(draft.id, name, i + 1);
          const made = changed(subject.draft, branch, bounds);
          routed.push({ rule: name, envelope: addressed(made, { id, to: branch.to, rule: name }) });
        }
        if (!action.goesOn) return { routed, dropped: undefined, changedBy, unrouted: false };
      }
      const { to } = draft;
      if (to !== undefined) {
        const id = routed.length === 0 ? draft.id : idOf(draft.id, DIRECT, 1);
        routed.push({ rule: DIRECT, envelope: addressed(subject.draft, { id, to, rule: DIRECT }) });
      }
      return { routed, dropped: undefined, changedBy, unrouted: routed.length === 0 };
    },
  };
}

function changed(draft: DraftEnvelope, { transforms }: Branch, bounds: Bounds): DraftEnvelope {
  return transforms.reduce((before, each) => transform(before, each, bounds), draft);
}

function addressed(
  draft: DraftEnvelope,
  { id, to, rule }: { readonly id: string; readonly to: string; readonly rule: string },
): Envelope {
  const headers: Record<string, string> = { ...draft.headers };
  for (const name of Object.keys(headers)) {
    // No stranger says by which rule something came.
    if (name.length === RULE_HEADER.length && name.toLowerCase() === RULE_HEADER) {
      delete headers[name];
    }
  }
  headers[RULE_HEADER] = rule;
  if (to === draft.to || draft.toName === undefined) return { ...draft, id, to, headers };
  // The name that the sender knew is another agent's.
  const { toName: _other, ...rest } = draft;
  return { ...rest, id, to, headers };
}

const MAX_ID = 200;

/** The id of a further envelope: the draft's with rule and number, or with their digest when it is long. */
function idOf(id: string, rule: string, number: number): string {
  const full = `${id}#${rule}:${number}`;
  if (full.length <= MAX_ID) return full;
  return `${id.slice(0, 100).toWellFormed()}#${sha256Hex(full)}`;
}

function tooMuch(what: "envelopes" | "changes", { id }: DraftEnvelope): OpenAgentsError {
  return new OpenAgentsError(
    "LIMIT",
    `Cannot route envelope "${id}": the rules make more than ${PLUMBER_LIMITS[what]} ${what} of it`,
  );
}
