import type { RuntimeDefinition } from "../core/runtime-definition.ts";
import { checkDraft } from "../core/draft-envelope.ts";
import type { DraftSink } from "../core/draft-envelope.ts";
import type { PlumberRules } from "../core/plumber-rules.ts";
import type { Sink } from "../core/ports/index.ts";
import { locateText, locateValue } from "./plumber/located.ts";
import { Problems } from "./plumber/problems.ts";
import { readRules } from "./plumber/read-rules.ts";
import { router } from "./plumber/router.ts";
import type { Plumber } from "./plumber/router.ts";

export { PLUMBER_LIMITS } from "./plumber/limits.ts";
export { RulesError } from "./plumber/problems.ts";
export type { Place, RulesProblem } from "./plumber/problems.ts";
export { DIRECT } from "./plumber/read-rules.ts";
export { RULE_HEADER } from "./plumber/router.ts";
export type { Plumber } from "./plumber/router.ts";

export interface CompileOptions {
  /** What the rules are called in errors. Default `plumber`. */
  readonly file?: string;
  /** The longest payload that a rule may make, UTF-16 units of JSON. Default 1 MiB. */
  readonly payloadLength?: number;
}

const DEFAULT_PAYLOAD_LENGTH = 1_048_576;

/**
 * A plumber of rules that are YAML 1.2 (JSON is a part of it) or an object.
 * @throws RulesError (CONFIG) with all that is wrong, each with file, line and column, or with its path
 */
export function compileRules(rules: string | PlumberRules, options: CompileOptions = {}): Plumber {
  const { file = "plumber", payloadLength = DEFAULT_PAYLOAD_LENGTH } = options;
  const problems = new Problems(file);
  const located =
    typeof rules === "string" ? locateText(rules, problems) : locateValue(rules, problems);
  const read = located === undefined ? [] : readRules(located, problems);
  problems.check();
  return router(read, payloadLength);
}

/**
 * The plumber that a definition asks for. One without rules has what is addressed go where it says, by
 * the rule `direct`. @throws RulesError as `compileRules` does
 */
export function plumberOf({ plumber, limits }: RuntimeDefinition): Plumber {
  const { envelopeBytes: payloadLength } = limits;
  return compileRules(plumber ?? { rules: [] }, { file: "the runtime's plumber", payloadLength });
}

/** A plumber whose rules can be replaced while it is in use. */
export interface ReloadablePlumber extends Plumber {
  /** From the next draft on these rules hold. */
  replace(plumber: Plumber): void;
}

/** A plumber that begins with these rules. */
export function reloadable(first: Plumber): ReloadablePlumber {
  let now = first;
  return {
    get rules() {
      return now.rules;
    },
    route: (draft) => now.route(draft),
    replace(plumber) {
      now = plumber;
    },
  };
}

/**
 * A sink for drafts that puts what the plumber makes of them into `deliver`, such as `Runtime.accept`,
 * all in one call. A draft that is put in again makes the same envelopes, which are duplicates then.
 * @throws INVALID for a draft that is none, LIMIT as `Plumber.route` does; then nothing was delivered
 */
export function plumb(plumber: Plumber, deliver: Sink): DraftSink {
  return async (drafts) => {
    const routings = drafts.map((draft) => {
      checkDraft(draft);
      return plumber.route(draft);
    });
    const envelopes = routings.flatMap(({ routed }) => routed.map(({ envelope }) => envelope));
    const receipts = envelopes.length === 0 ? [] : await deliver(envelopes);
    let done = 0;
    return routings.map((routing) => {
      const from = done;
      done += routing.routed.length;
      return { ...routing, receipts: receipts.slice(from, done) };
    });
  };
}
