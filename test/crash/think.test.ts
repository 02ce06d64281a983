import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { TickOutput, TickRecord } from "../../src/index.ts";
import { listen } from "../../src/models/scripted-listener.ts";
import { scriptedServer } from "../../src/models/scripted.ts";
import { agentdHome, eventually } from "./homes.ts";
import type { MortalHome } from "./homes.ts";

const CONFIG = new URL("think.config.ts", import.meta.url);

/**
 * The calls of one tick, in order: what the model is asked with so many results, and each part of the work. The
 * fourth answer has two calls.
 */
const STEPS = "model 0,work 0,model 1,work 1,model 2,work 2,model 3,work 3,work 4,model 5".split(
  ",",
);
const USAGE = { input: 100, output: 10 };

/**
 * When agentd is killed: when a call has come and nothing was answered; once a piece of the answer is out; or once
 * all of it is, when the step may be durable or not. It is durable before the next one has come.
 */
interface Kill {
  readonly step: number;
  readonly at: "in" | "mid" | "out";
}

const ALL: readonly Kill[] = STEPS.flatMap((name, step) =>
  (["in", "mid", "out"] as const)
    // What the tool gives is one piece.
    .filter((at) => at !== "mid" || name.startsWith("model"))
    .map((at) => ({ step, at })),
);
/** How many of them; by default not all. */
const KILLS = Math.min(Number(process.env["THINK_KILLS"] ?? 2), ALL.length);
const SOME = Array.from(
  { length: KILLS },
  (_, i) => ALL[Math.floor(((i + 0.5) / KILLS) * ALL.length)]!,
);

/** What each call of the model says, as whoever follows the agent is told it. */
const SAID: Readonly<Record<string, string>> = {
  "step:model#0 input": '{"part":0}',
  "step:model#1 input": '{"part":1}',
  "step:model#2 input": '{"part":2}',
  "step:model#3 input": '{"part":3}{"part":4}',
  "step:model#4 text": "All is done",
};

/** A client that puts together what it is told, and comes again from where it was when the home goes down. */
class Follower {
  readonly #told = new Map<number, Record<string, string>>();
  #over = false;
  /** What it has of each tick that is over, with the record of the tick. */
  readonly ticks: { readonly texts: Record<string, string>; readonly record: TickRecord }[] = [];

  async follow(home: MortalHome): Promise<void> {
    for (let after = "0"; !this.#over; await sleep(5)) {
      try {
        for await (const { id, event, data } of home.runtime.stream("worker", { after })) {
          after = id;
          this.#hear(event, JSON.parse(data) as Heard);
          if (this.#over) return;
        }
      } catch {
        // It was killed.
      }
    }
  }

  /** Ends it with the next thing that it hears. */
  end(): void {
    this.#over = true;
  }

  #hear(event: string, { n, key, kind, text, record }: Heard): void {
    const texts = this.#told.get(n) ?? {};
    this.#told.set(n, event === "tick_start" ? {} : texts);
    if (event === "delta") texts[`${key} ${kind}`] = (texts[`${key} ${kind}`] ?? "") + text;
    if (event === "tick_end") this.ticks.push({ texts, record: record! });
  }
}

interface Heard {
  readonly n: number;
  readonly key?: string;
  readonly kind?: string;
  readonly text?: string;
  readonly record?: TickRecord;
}

void test(`an agentd that is killed at ${KILLS} of ${ALL.length} moments of a tick of ten calls repeats at most that call`, async (t) => {
  let due: Kill | undefined;
  let died = Promise.withResolvers<void>();
  /** How often each call was made, and with which keys. */
  let calls = new Map<string, string[]>();
  const killAt = async (name: string, at: Kill["at"]): Promise<void> => {
    if (due?.at !== at || STEPS[due.step] !== name) return;
    // How long it takes until a step is durable is not known: some of these are before that, and some after.
    const wait = due.step;
    due = undefined;
    if (at === "out") await sleep(wait);
    await home.kill();
    died.resolve();
  };
  const model = scriptedServer(async ({ messages }) => {
    const done = messages.filter(({ role }) => role === "tool").length;
    if (done === 5) return { text: "All is done", usage: USAGE };
    const parts = done === 3 ? [3, 4] : [done];
    return { toolCalls: parts.map((part) => ({ name: "work", input: { part } })), usage: USAGE };
  });
  await using server = await listen(async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const isWork = pathname.endsWith("/work");
    const part = searchParams.get("part");
    const { messages = [] } = isWork
      ? {}
      : ((await request.clone().json()) as { messages?: readonly { role: string }[] });
    const name = isWork
      ? `work ${part}`
      : `model ${messages.filter(({ role }) => role === "tool").length}`;
    calls.set(name, [...(calls.get(name) ?? []), searchParams.get("key") ?? ""]);
    await killAt(name, "in");
    const { body, status, headers } = isWork
      ? new Response(`Part ${part} is done`)
      : await model(request);
    let pieces = 0;
    const watched = body!.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        async transform(piece, controller) {
          controller.enqueue(piece);
          pieces += 1;
          // The first one has reached the socket when the second is asked for.
          if (pieces === 2) await killAt(name, "mid");
        },
        flush: () => void killAt(name, "out"),
      }),
    );
    return new Response(watched, { status, headers });
  });
  process.env["MODEL_URL"] = server.url;
  await using home = await agentdHome("think", CONFIG);
  const follower = new Follower();
  const following = follower.follow(home);
  let repeated = 0;
  for (const [i, kill] of SOME.entries()) {
    const name = STEPS[kill.step]!;
    const what = `killed ${kill.at} ${name}`;
    [due, died, calls] = [kill, Promise.withResolvers(), new Map()];
    // Each in a conversation of its own.
    const mail = { payload: "Work", id: `work-${i}`, from: `somebody ${i}` };
    await home.runtime.send("worker", mail);
    await died.promise;
    await home.start();
    const { outcome, replies } = await home.runtime.ask("worker", mail, { timeout: 20_000 });
    assert.deepEqual([outcome, replies], ["done", ["All is done"]], what);
    // After an answer that was out wholly, the next call may have come.
    const cut = kill.at === "out" ? [name, STEPS[kill.step + 1]] : [name];
    const again = STEPS.flatMap((step) => (calls.get(step) ?? []).slice(1).map(() => step));
    assert.deepEqual([...calls.keys()].sort(), [...STEPS].sort(), what);
    assert.ok(
      again.length <= 1 && again.every((step) => cut.includes(step)),
      `${what}: ${again.join()}`,
    );
    assert.ok(again.length === 1 || kill.at === "out", what);
    for (const [step, keys] of calls) assert.equal(new Set(keys).size, 1, `${what}: ${step}`);
    repeated += again.length;
    const used = 110 * 5 * (i + 1);
    const { spent } = await home.runtime.status("worker");
    assert.deepEqual(spent?.total, { usd: used, tokens: used }, what);
  }
  const rows = await home.runtime.log("worker", 0, 1_000);
  const replies = rows.flatMap(
    ({ output }) => (JSON.parse(output ?? "{}") as TickOutput).replies ?? [],
  );
  assert.equal(replies.length, KILLS, "each is replied to once");
  const steps = rows.flatMap(({ record }) => (JSON.parse(record) as TickRecord).steps ?? []);
  assert.equal(steps.length, KILLS * STEPS.length, "the record has each call once");
  assert.ok((await home.runtime.verify("worker")).ok);
  const { ticks } = await home.runtime.status("worker");
  await eventually("the follower has heard all", async () =>
    follower.ticks.length === ticks ? true : undefined,
  );
  follower.end();
  await home.runtime.tick("worker");
  await following;
  for (const { texts, record } of follower.ticks.slice(1, ticks)) {
    // What was replayed was told by a process before, and is forgotten with that try.
    const fresh = (record.steps ?? []).filter(({ replayed }) => !replayed).map(({ key }) => key);
    const said = Object.entries(SAID).filter(([key]) => fresh.includes(key.split(" ")[0]!));
    assert.deepEqual(texts, Object.fromEntries(said));
  }
  t.diagnostic(`${repeated} of ${KILLS} calls were made again`);
});
