import { equal, ok } from "../assert.ts";
import type { RemoteRuntime } from "../../core/runtime.ts";
import type { TickOutput, TickRecord } from "../../core/trajectory.ts";
import { ask, fresh, make, stateOf, until } from "./kit.ts";
import type { BackendCase, BackendFixture } from "./kit.ts";
import { COST, USED } from "./model-agents.ts";
import type { Task } from "./model-agents.ts";

/** A task of so many pieces of work. */
function workOf(pieces: number, halt: string[] = []): Task {
  const calls = Array.from({ length: pieces }, () => ({ tool: "work" }));
  return { id: fresh("task"), calls, halt };
}

/** The text that is put together from what is told of an agent until a tick is over, by step and kind. */
async function textOf(
  events: AsyncIterable<{ readonly event: string; readonly data: string }>,
): Promise<Readonly<Record<string, string>>> {
  const texts: Record<string, string> = {};
  for await (const { event, data } of events) {
    if (event === "tick_end") break;
    if (event !== "delta") continue;
    const { key, kind, text } = JSON.parse(data) as { key: string; kind: string; text: string };
    texts[`${key} ${kind}`] = (texts[`${key} ${kind}`] ?? "") + text;
  }
  return texts;
}

/** What stands in the record of an agent, of all its ticks. */
async function recorded(runtime: RemoteRuntime, name: string) {
  const rows = await runtime.log(name, 0, 100);
  const records = rows.map(({ record }) => JSON.parse(record) as TickRecord);
  const outputs = rows.map(({ output }) => JSON.parse(output ?? "{}") as TickOutput);
  return {
    steps: records.flatMap(({ steps = [] }) => steps),
    replies: outputs.flatMap(({ replies = [] }) => replies.map(({ payload }) => payload)),
  };
}

const spentOf = async ({ runtime }: Pick<BackendFixture, "runtime">, name: string) =>
  (await runtime.status(name)).spent;

/** Guarantees about agents that think by a model. */
export const MODEL_CASES: readonly BackendCase[] = [
  {
    guarantee: "models",
    name: "an agent with a model uses its tools, and what it says is told as it comes",
    async body({ runtime, outside, follow }) {
      const name = await make(runtime, "thinker");
      const task = workOf(1, ["tool 0"]);
      const answering = ask(runtime, name, task);
      await outside.pass(`${task.id} tool 0 reached`);
      // Whoever comes in the middle is told from the start of the tick on.
      const texts = textOf(follow(name));
      await outside.open(`${task.id} tool 0`);
      const reply = "It is done. Piece 0 is done";
      equal((await answering).replies, [reply]);
      const told = await texts;
      equal([told["step:model#0 text"], told["step:model#1 text"]], ["Now 0.", reply]);
      equal((JSON.parse(told["step:model#0 input"]!) as { n: number }).n, 0);
      const { steps } = await recorded(runtime, name);
      equal(
        steps.map(({ key, used }) => [key, used?.by ?? null, used?.usd ?? null]),
        [
          ["step:model#0", "scripted/scripted", COST],
          ["step:tool:work#0", null, null],
          ["step:model#1", "scripted/scripted", COST],
        ],
      );
    },
  },
  {
    guarantee: "models",
    name: "a process that dies in each call of a model and a tool repeats that one alone, and counts none twice",
    async body({ runtime, outside, crash }) {
      const name = await make(runtime, "thinker");
      const steps = ["model 0", "tool 0", "model 1"];
      const task = workOf(1, steps);
      const id = fresh("ask");
      await runtime.send(name, { payload: task, id });
      let after = runtime;
      for (const step of steps) {
        await outside.pass(`${task.id} ${step} reached`);
        after = await crash();
      }
      const answer = await ask(after, name, task, { id });
      equal(answer.replies, ["It is done. Piece 0 is done"]);
      for (const step of steps) equal(await outside.counted(`${task.id} ${step}`), 2, step);
      const done = await recorded(after, name);
      equal(done.replies, answer.replies, "replies");
      equal(
        done.steps.map(({ key }) => key),
        ["step:model#0", "step:tool:work#0", "step:model#1"],
      );
      const { total } = (await spentOf({ runtime: after }, name))!;
      equal(total, { usd: 2 * COST, tokens: 2 * (USED.input + USED.output) });
      equal((await after.verify(name)).ok, true);
      equal(await after.deadLetters(name, 0, 9), []);
    },
  },
  {
    guarantee: "models",
    name: "an agent remembers what it was told, across ticks and a crash",
    async body({ runtime, crash }) {
      const name = await make(runtime, "thinker");
      const said = "You told me first: My name is Ada";
      equal((await ask(runtime, name, "My name is Ada")).replies, [said]);
      const after = await crash();
      equal((await ask(after, name, "What is my name?")).replies, [said]);
    },
  },
  {
    guarantee: "models",
    name: "a call that could cost more than is left of a budget is not begun, and the agent is not to blame",
    async body(fixture) {
      const { runtime, outside } = fixture;
      const name = await make(runtime, "frugal");
      const [first, second] = [workOf(0), workOf(0)];
      equal((await ask(runtime, name, first)).replies, ["It is done."]);
      const { error, outcome } = await ask(runtime, name, second);
      equal([outcome, error?.code], ["failed", "BUDGET"]);
      equal(await outside.counted(`${second.id} model 0`), 0);
      const { status, spent } = await runtime.status(name);
      equal([status, spent?.today], ["active", { usd: COST, tokens: USED.input + USED.output }]);
      equal((await runtime.deadLetters(name, 0, 9)).length, 1);
    },
  },
  {
    guarantee: "models",
    name: "an answer that is to fit a schema is asked for again until it does, and is a value",
    async body({ runtime }) {
      const name = await make(runtime, "clerk");
      equal((await ask(runtime, name, "How much is it?")).replies, [{ total: 42 }]);
      const { total } = (await spentOf({ runtime }, name))!;
      equal(total.usd, 2 * COST);
    },
  },
  {
    guarantee: "models",
    name: "a tool makes a child, which is there once the tick is committed",
    async body({ runtime }) {
      const parent = await make(runtime, "thinker");
      const child = fresh("child");
      const calls = [{ tool: "delegate", input: { name: child, say: "hello" } }];
      const task: Task = { id: fresh("task"), calls };
      const { replies } = await ask(runtime, parent, task);
      await until("the child has heard", async () =>
        runtime.status(child).then(
          ({ ticks, queued }) => ticks === 2 && queued === 0,
          () => false,
        ),
      );
      const { id, parent: of } = await runtime.get(child);
      equal([replies, of], [[`It is done. ${id}`], (await runtime.get(parent)).id]);
      equal(await stateOf(runtime, child, "got"), ["hello"]);
      ok((await runtime.list({ parent })).items.length === 1, "one child");
    },
  },
];
