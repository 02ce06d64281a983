import { equal, ok, rejects } from "../assert.ts";
import { ask, make, stateOf, until } from "./kit.ts";
import type { BackendCase } from "./kit.ts";

/** Guarantees about an agent's life: its states, alarms and schemas. */
export const LIFE_CASES: readonly BackendCase[] = [
  {
    guarantee: "lifecycle",
    name: "an agent is created, hibernates, wakes and terminates with each hook in its place",
    async body({ runtime, crash }) {
      const name = await make(runtime, "living");
      await ask(runtime, name, "hello");
      equal((await runtime.get(name)).status, "active");
      await runtime.hibernate(name);
      equal((await runtime.get(name)).status, "dormant");
      await runtime.tick(name);
      equal(await stateOf(runtime, name, "life"), ["create", "message", "sleep", "wake", "manual"]);
      const after = await crash();
      equal((await after.get(name)).status, "dormant");
      await after.wake(name);
      const { id } = await after.get(name);
      await after.terminate(name);
      const life = (await stateOf(after, id, "life")) as string[];
      equal(life.slice(5), ["wake", "terminate"]);
      equal((await after.get(id)).status, "terminated");
      await rejects(after.send(id, { payload: "late" }), "TERMINATED");
      await rejects(after.get(name), "NOT_FOUND");
      equal((await after.verify(id)).ok, true);
    },
  },
  {
    guarantee: "lifecycle",
    name: "a name is unique, free again after termination, and purging erases",
    async body({ runtime }) {
      const name = await make(runtime, "keeper");
      const first = await runtime.get(name);
      await rejects(runtime.create({ name, type: "keeper" }), "EXISTS");
      await runtime.terminate(name);
      const second = await runtime.create({ name, type: "keeper" });
      ok(second.id !== first.id, "a new key");
      await runtime.purge(first.id);
      await rejects(runtime.get(first.id), "NOT_FOUND");
      equal((await runtime.get(name)).id, second.id);
      equal((await runtime.get(second.publicKey)).id, second.id);
    },
  },
  {
    guarantee: "lifecycle",
    name: "bad names, unknown types and unknown agents are refused",
    async body({ runtime }) {
      for (const name of ["", "a/b", "..", "a\0b", "é", " a", "x".repeat(64), "a".repeat(64)]) {
        await rejects(runtime.create({ name, type: "keeper" }), "INVALID");
      }
      await rejects(runtime.create({ name: "fine", type: "none" }), "INVALID");
      await rejects(runtime.send("nobody", { payload: 1 }), "NOT_FOUND");
      const name = await make(runtime, "keeper");
      await rejects(runtime.send(name, { payload: 1, type: "control" }), "INVALID");
      await rejects(runtime.send(name, { payload: 1, id: "a/b" }), "INVALID");
      await rejects(runtime.send(name, { payload: "x".repeat(2_000_000) }), "LIMIT");
    },
  },
  {
    guarantee: "alarms",
    name: "an alarm fires once, after a crash too; one that is taken back does not",
    async body({ runtime, crash }) {
      const name = await make(runtime, "alarmed");
      await ask(runtime, name, { id: "once", in: 100 });
      await ask(runtime, name, { id: "never", in: 100 });
      await ask(runtime, name, { id: "never", cancel: true });
      const after = await crash();
      await until("it fired", async () => {
        return ((await stateOf(after, name, "fired")) as string[]).length > 0;
      });
      equal(await stateOf(after, name, "fired"), ["once"]);
      equal((await after.status(name)).alarms, []);
    },
  },
  {
    guarantee: "alarms",
    name: "an interval fires again and again until it is taken back",
    async body({ runtime }) {
      const name = await make(runtime, "alarmed");
      await ask(runtime, name, { id: "tick", every: 20 });
      await until("it fired", async () => {
        return ((await stateOf(runtime, name, "fired")) as string[]).length === 3;
      });
      equal(await stateOf(runtime, name, "fired"), ["tick", "tick", "tick"]);
      equal((await runtime.status(name)).alarms, []);
    },
  },
  {
    guarantee: "alarms",
    name: "a schedule that can never come is refused",
    async body({ runtime }) {
      const name = await make(runtime, "alarmed");
      for (const when of [{ cron: "61 * * * *" }, { every: 0 }, { at: "soon" }, { in: -1 }]) {
        equal((await ask(runtime, name, { id: "bad", ...when })).error?.code, "INVALID");
      }
      equal((await ask(runtime, name, { id: "good", cron: "0 9 * * 1" })).outcome, "done");
      equal((await runtime.status(name)).alarms.length, 1);
    },
  },
  {
    guarantee: "schemas",
    name: "a message or state that does not fit its schema changes nothing",
    async body({ runtime }) {
      const name = await make(runtime, "checked");
      const unfit = await ask(runtime, name, { count: 7 });
      equal(unfit.error, {
        code: "INVALID",
        message: 'The message does not fit its schema: "count": must be at most 2',
      });
      equal((await ask(runtime, name, { count: 2 })).error?.code, "STATE");
      equal((await ask(runtime, name, { count: 1 })).outcome, "done");
      equal(await runtime.state(name), { count: 2 });
    },
  },
];
