import type { DraftEnvelope } from "../../src/core/draft-envelope.ts";
import type { Envelope } from "../../src/core/envelope.ts";
import type { PlumberRule, PlumberWhen } from "../../src/core/plumber-rules.ts";
import { compileRules } from "../../src/drivers/plumber.ts";
import type { Bench, Figures } from "../bench.ts";
import { median, round } from "../measure.ts";

const RULES = 1000;
/** Different envelopes that take turns; each is routed by another rule. */
const DRAFTS = 200;
const SOURCES = ["http", "webhook", "schedule"];

/**
 * Envelopes a second that a plumber of 1,000 rules routes: a third each of the rules is for a sender, for
 * a header and a value in the payload, and for a sender by a glob with a value in the payload.
 */
export function plumberRoute(bench: Bench): Promise<Figures> {
  const rules = Array.from({ length: RULES }, (_, i) => ruleOf(i));
  const drafts = Array.from({ length: DRAFTS }, (_, i) => draftOf(i * (RULES / DRAFTS) + (i % 3)));
  const plumber = compileRules({ rules });
  const agents = new Map(drafts.map((draft, i) => [keyOf(draft), `agent-${i}`]));
  const { rounds, drafts: count } = bench.sizes;
  const rates = { ours: [] as number[], floor: [] as number[] };
  let routed = 0;
  for (let i = 0; i <= rounds; i += 1) {
    for (const who of ["floor", "ours"] as const) {
      const start = process.threadCpuUsage();
      for (let n = 0; n < count; n += 1) {
        const draft = drafts[n % DRAFTS]!;
        if (who === "ours") routed += plumber.route(draft).routed.length;
        else routed += byHand(draft, agents).length;
      }
      const { user, system } = process.threadCpuUsage(start);
      // The first round is for the compiler.
      if (i > 0) rates[who].push((1_000_000 * count) / (user + system));
    }
  }
  if (routed !== 2 * (rounds + 1) * count) throw new Error(`${routed} envelopes were routed`);
  const [ours, floor] = [median(rates.ours), median(rates.floor)];
  return Promise.resolve({
    value: round(ours),
    unit: "envelopes/s",
    ratio: round(ours / floor),
    against: `${round(floor).toLocaleString("en")}/s: a Map of the routes, and a copy`,
  });
}

function ruleOf(i: number): PlumberRule {
  const conditions: readonly PlumberWhen[] = [
    { source: SOURCES[0]!, from: `sender-${i}` },
    {
      source: SOURCES[1]!,
      headers: { "x-event": "push" },
      json: { "$.repository.name": `repo-${i}` },
    },
    { source: SOURCES[2]!, from: "sched*", json: { "$.job": `job-${i}` } },
  ];
  return { name: `rule-${i}`, when: conditions[i % 3]!, send: `agent-${i}` };
}

/** One that the rule of the same number is for. */
function draftOf(i: number): DraftEnvelope {
  const froms = [`sender-${i}`, "github", "scheduler"];
  return {
    id: `draft-${i}`,
    sentAt: 1,
    source: SOURCES[i % 3]!,
    from: froms[i % 3]!,
    type: "event",
    headers: { "x-event": "push", "content-type": "application/json" },
    payload: { repository: { name: `repo-${i}`, owner: "acme" }, job: `job-${i}`, n: i },
  };
}

/** What code would do that knows these envelopes and nothing of rules. */
function byHand(draft: DraftEnvelope, agents: ReadonlyMap<string, string>): readonly Envelope[] {
  const to = agents.get(keyOf(draft));
  if (to === undefined) return [];
  return [{ ...draft, to, headers: { ...draft.headers, "plumber-rule": "by-hand" } }];
}

function keyOf({ source, from, payload }: DraftEnvelope): string {
  const { repository, job } = payload as { repository: { name: string }; job: string };
  if (source === SOURCES[0]) return `${source} ${from}`;
  return source === SOURCES[1] ? `${source} ${repository.name}` : `${source} ${job}`;
}
