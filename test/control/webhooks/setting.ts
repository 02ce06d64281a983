import { webhooks } from "../../../src/control/webhooks.ts";
import type {
  CloudEvent,
  NotedTick,
  Posted,
  Posting,
  Webhooks,
  WebhooksOptions,
} from "../../../src/control/webhooks.ts";
import type { HomeFiles, TickOutput, TickRecord } from "../../../src/index.ts";
import { systemRandom } from "../../../src/index.ts";
import { memoryHomeFiles } from "../../../src/stores/memory.ts";
import { manualClock } from "../../../src/testing/manual-clock.ts";
import type { ManualClock } from "../../../src/testing/manual-clock.ts";

export const START = Date.UTC(2026, 10, 28, 12);
export const ADA = `npub1${"a".repeat(58)}`;
export const BOB = `npub1${"b".repeat(58).replaceAll("b", "q")}`;

/** A tick as a runtime tells of it. */
export function tickOf(
  n: number,
  more: {
    readonly record?: Partial<TickRecord>;
    readonly output?: TickOutput;
    readonly agent?: Partial<NotedTick["agent"]>;
  } = {},
): NotedTick {
  const agent = { id: ADA, name: "ada", type: "greeter", labels: ["east"], ...more.agent };
  return {
    agent,
    record: {
      v: 1,
      agent: agent.id,
      code: "greeter@1",
      n,
      prev: "0".repeat(64),
      at: START + n,
      ms: 1,
      trigger: { type: "message", id: `m-${n}`, from: "operator", source: "api" },
      outcome: "done",
      ...more.record,
    },
    output: more.output ?? {},
  };
}

/** Ticks from one number to another. */
export function ticks(
  from: number,
  to: number,
  agent: Partial<NotedTick["agent"]> = {},
): NotedTick[] {
  return Array.from({ length: to - from + 1 }, (_, i) => tickOf(from + i, { agent }));
}

export interface Setting {
  readonly clock: ManualClock;
  readonly files: HomeFiles;
  readonly hooks: Webhooks;
  /** What came to the receiver, in its order. */
  readonly got: { readonly posting: Posting; readonly event: CloudEvent }[];
  /** What the receiver answers, or throws; default 200. */
  answer: (event: CloudEvent, posting: Posting) => Posted | Promise<Posted>;
  /** Another process over the same files. */
  again(more?: Partial<WebhooksOptions>): Webhooks;
}

export function setting(options: Partial<WebhooksOptions> = {}): Setting {
  const clock = manualClock(START);
  const files = memoryHomeFiles();
  const made: Setting = {
    clock,
    files,
    got: [],
    answer: () => ({ status: 200 }),
    hooks: undefined as unknown as Webhooks,
    again: (more = {}) =>
      webhooks({
        files,
        clock,
        random: systemRandom,
        async post(posting) {
          const event = JSON.parse(posting.body) as CloudEvent;
          made.got.push({ posting, event });
          return made.answer(event, posting);
        },
        ...options,
        ...more,
      }),
  };
  return Object.assign(made, { hooks: made.again() });
}

export const URL_OF = "https://receiver.example.com/events";
export const SECOND = 1000;
export const MINUTE = 60_000;
export const HOUR = 3_600_000;
export const DAY = 86_400_000;
