import assert from "node:assert/strict";
import type { Envelope } from "../../../src/core/envelope.ts";
import type { HomeFiles, Receipt } from "../../../src/core/ports/index.ts";
import { scheduler } from "../../../src/drivers/scheduler.ts";
import type { Scheduler } from "../../../src/drivers/scheduler.ts";
import { memoryHomeFiles } from "../../../src/stores/memory.ts";
import { manualClock } from "../../../src/testing/manual-clock.ts";

/** An agent's inbox, which outlives whoever delivers to it. */
export interface Inbox {
  /** What was accepted, in its order. */
  readonly mail: Envelope[];
  /** What the next deliveries have as their receipt, or throw; then all is accepted. */
  readonly answers: (Receipt | Error)[];
  readonly deliver: (mail: readonly Envelope[]) => Promise<readonly Receipt[]>;
}

export function inbox(): Inbox {
  const known = new Map<string, Envelope>();
  const mail: Envelope[] = [];
  const answers: (Receipt | Error)[] = [];
  const take = (envelope: Envelope): Receipt => {
    const before = known.get(envelope.id);
    if (before !== undefined) {
      assert.deepEqual(envelope, before, "the same envelope whenever it is made");
      return "duplicate";
    }
    const answer = answers.shift() ?? "accepted";
    if (answer instanceof Error) throw answer;
    if (answer !== "accepted" && answer !== "dead-lettered") return answer;
    known.set(envelope.id, envelope);
    mail.push(envelope);
    return answer;
  };
  return { mail, answers, deliver: async (all) => all.map(take) };
}

export interface Setting extends Inbox {
  readonly files: HomeFiles;
  readonly scheduler: Scheduler;
  /** What an operator was told. */
  readonly problems: string[];
  /** Sets the clock, which may go back, and takes up what is due. */
  readonly at: (time: number | string) => Promise<void>;
  /** What was accepted since it was last asked for: the due times, as ISO 8601. */
  readonly fired: () => readonly string[];
}

/** A scheduler over files, whose time is set by hand. */
export function setting(start: string, files: HomeFiles = memoryHomeFiles()): Setting {
  let time = Date.parse(start);
  const box = inbox();
  const problems: string[] = [];
  const made = scheduler({
    files,
    clock: { now: () => time, after: () => () => undefined },
    deliver: box.deliver,
    onProblem: (problem) => problems.push(problem),
  });
  let seen = 0;
  return {
    ...box,
    files,
    scheduler: made,
    problems,
    async at(to) {
      time = typeof to === "number" ? to : Date.parse(to);
      await made.takeUp(time);
    },
    fired() {
      const since = box.mail.slice(seen);
      seen = box.mail.length;
      return since.map(({ headers }) => headers!["schedule-due"]!);
    },
  };
}

/** A scheduler that takes up what is due by itself, on a clock that a test moves. */
export function running(start: string) {
  const clock = manualClock(Date.parse(start));
  const box = inbox();
  const made = scheduler({ files: memoryHomeFiles(), clock, deliver: box.deliver });
  made.start();
  return { ...box, clock, scheduler: made };
}
