import { equal, ok, rejects } from "../assert.ts";
import { PLODS } from "./agents.ts";
import { ask, fresh, make, stateOf, until } from "./kit.ts";
import type { BackendCase } from "./kit.ts";

/** What an operator does with single agents, where the backend's runtime offers it. */
export const OPERATOR_CASES: readonly BackendCase[] = [
  {
    guarantee: "lifecycle",
    name: "a name and labels are changed, once for each revision, and kept",
    body: async ({ runtime, crash }) => {
      const name = await make(runtime, "keeper");
      const label = fresh("label");
      await ask(runtime, name, "one");
      const { id, revision } = await runtime.get(name);
      const next = fresh("renamed");
      const after = await runtime.update(name, { name: next, labels: [label, "b"] });
      equal([after.id, after.name, after.labels], [id, next, ["b", label]]);
      await rejects(runtime.update(next, { labels: [] }, { ifMatch: revision }), "PRECONDITION");
      await rejects(runtime.get(name), "NOT_FOUND");
      equal(
        (await runtime.list({ label })).items.map((item) => item.name),
        [next],
      );
      const other = await make(runtime, "keeper");
      await rejects(runtime.update(next, { name: other }), "EXISTS");
      await runtime.create({ name, type: "keeper" });
      const again = await crash();
      equal((await again.get(next)).id, id);
      equal(
        (await again.list({ label })).items.map((item) => item.name),
        [next],
      );
      equal((await ask(again, next, "two")).replies, [2]);
    },
  },
  {
    guarantee: "lifecycle",
    name: "a paused agent takes mail in and does nothing, after a crash too, until it is resumed",
    body: async ({ runtime, crash }) => {
      const name = await make(runtime, "keeper");
      await ask(runtime, name, "one");
      equal((await runtime.pause(name)).status, "paused");
      equal((await runtime.pause(name)).status, "paused");
      const { ticks } = await runtime.status(name);
      equal((await runtime.send(name, { payload: "two" })).receipt, "accepted");
      await rejects(runtime.tick(name), "BUSY");
      const again = await crash();
      equal((await again.send(name, { payload: "three" })).receipt, "accepted");
      const report = await again.status(name);
      equal([report.status, report.ticks, report.queued], ["paused", ticks, 2]);
      await again.resume(name);
      await until("the mail to be taken", async () => {
        return ((await stateOf(again, name, "got")) as string[]).length === 3;
      });
      equal(await stateOf(again, name, "got"), ["one", "two", "three"]);
      await again.pause(name);
      const { id } = await again.get(name);
      await again.terminate(name);
      equal((await again.get(id)).status, "terminated");
    },
  },
  {
    guarantee: "lifecycle",
    name: "a pause in the middle of a tick has it begin no more steps, and it goes on with none done twice",
    body: async ({ runtime, crash, outside }) => {
      const name = await make(runtime, "plodder");
      const id = fresh("plod");
      const done = async (): Promise<number> => outside.counted(`${id} steps`);
      const further = async (than: number): Promise<void> =>
        until("it gets on", async () => (await done()) > than);
      /** It stands still, and not at its end. */
      const stands = async (): Promise<number> => {
        let before = -1;
        await until("it stands still", async () => {
          const now = await done();
          const same = now === before;
          before = now;
          if (!same) await new Promise((resolve) => setTimeout(resolve, 400));
          return same;
        });
        ok(before < PLODS, `it was stopped at ${before}`);
        return before;
      };
      await runtime.send(name, { payload: "go", id });
      await further(0);
      equal((await runtime.pause(name)).status, "paused");
      const first = await stands();
      equal((await runtime.status(name)).queued, 1);
      const again = await crash();
      await again.resume(name);
      await further(first);
      await again.pauseAll();
      let second: number;
      try {
        second = await stands();
      } finally {
        await again.resumeAll();
      }
      await further(second);
      await until(
        "it is done",
        async () => ((await stateOf(again, name, "did")) as number[] | undefined)?.length !== 0,
      );
      equal(await done(), PLODS);
      equal(
        await stateOf(again, name, "did"),
        Array.from({ length: PLODS }, (_, i) => i + 1),
      );
      equal((await again.verify(name)).ok, true);
    },
  },
  {
    guarantee: "lifecycle",
    name: "a trigger is cancelled while it runs and while it waits, and replayed",
    body: async ({ runtime, outside }) => {
      const name = await make(runtime, "gated");
      const send = (id: string) => runtime.send(name, { payload: id, id: `${name}-${id}` });
      for (const id of ["runs", "waits", "stays"]) await send(id);
      await outside.pass(`${name} reached`);
      const [waits] = await Promise.all([
        runtime.cancel(name, { trigger: `${name}-waits` }),
        runtime.cancel(name, { trigger: `${name}-runs` }),
      ]);
      equal(waits, { cancelled: `${name}-waits` });
      const dead = await runtime.deadLetters(name, 0, 9);
      equal(
        dead.map(({ envelope, reason }) => [envelope.id, reason?.split(" ")[0]]),
        [
          [`${name}-runs`, "CANCELLED"],
          [`${name}-waits`, "CANCELLED"],
        ],
      );
      await rejects(runtime.cancel(name, { trigger: "nothing" }), "NOT_FOUND");
      await outside.open(`${name} gate`);
      await runtime.replay(name, `${name}-runs`);
      await until("both to be done", async () => {
        return ((await stateOf(runtime, name, "got")) as string[]).length === 2;
      });
      equal(((await stateOf(runtime, name, "got")) as string[]).toSorted(), ["runs", "stays"]);
      equal(await runtime.cancel(name), { cancelled: undefined });
      equal((await runtime.verify(name)).ok, true);
    },
  },
  {
    guarantee: "lifecycle",
    name: "while all ticks are stopped mail is taken in and commands are refused, then all goes on",
    body: async ({ runtime }) => {
      const name = await make(runtime, "keeper");
      await ask(runtime, name, "one");
      await runtime.pauseAll();
      try {
        equal(await runtime.paused(), true);
        equal((await runtime.send(name, { payload: "two" })).receipt, "accepted");
        await rejects(runtime.tick(name), "BUSY");
        equal(await stateOf(runtime, name, "got"), ["one"]);
      } finally {
        await runtime.resumeAll();
      }
      await until("the mail to be taken", async () => {
        return ((await stateOf(runtime, name, "got")) as string[]).length === 2;
      });
      equal(await runtime.paused(), false);
    },
  },
  {
    guarantee: "on the record",
    name: "goals are changed by the agent and by operators, each change on the record",
    body: async ({ runtime, crash }) => {
      const name = await make(runtime, "striver");
      await ask(runtime, name, { id: "own", title: "Grow" });
      equal((await ask(runtime, name, { id: "lost", title: "" })).outcome, "failed");
      const { ticks } = await runtime.status(name);
      await runtime.addGoal(name, { id: "given", title: "Read", parent: "own" });
      await runtime.updateGoal(name, "given", { progress: 0.5, status: "done" });
      equal((await runtime.status(name)).ticks, ticks + 2);
      await rejects(runtime.addGoal(name, { title: "x", parent: "none" }), "INVALID");
      const again = await crash();
      const goals = await again.goals(name, "", 9);
      equal(
        goals.map(({ id, parent, progress, status }) => [id, parent, progress, status]),
        [
          ["given", "own", 0.5, "done"],
          ["own", undefined, 0, "open"],
        ],
      );
      await again.removeGoal(name, "own");
      equal((await again.goals(name, "", 9))[0]?.parent, undefined);
      equal((await again.verify(name)).ok, true);
    },
  },
  {
    guarantee: "alarms",
    name: "alarms are listed as they are set",
    body: async ({ runtime }) => {
      const name = await make(runtime, "alarmed");
      await ask(runtime, name, { id: "a", cron: "0 9 * * 1" });
      await ask(runtime, name, { id: "b", every: 3_600_000 });
      const alarms = await runtime.alarms(name, "", 9);
      equal(
        alarms.map(({ id, cron, every, payload }) => [id, cron, every, payload]),
        [
          ["a", "0 9 * * 1", undefined, { for: "a" }],
          ["b", undefined, 3_600_000, { for: "b" }],
        ],
      );
      equal((await runtime.alarms(name, "a", 9)).length, 1);
      equal(await runtime.files(name), { items: [] });
      await rejects(runtime.files(name, { prefix: "state/" }), "INVALID");
    },
  },
];
