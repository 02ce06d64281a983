import { equal, ok } from "../assert.ts";
import { ask, fresh, make, stateOf, until } from "./kit.ts";
import type { RemoteRuntime } from "../../core/runtime.ts";
import type { BackendCase } from "./kit.ts";
import type { Outside } from "./outside.ts";

/** A tick of release 1 that is parked until its gate is open. */
async function parkedTick(
  runtime: RemoteRuntime,
  onMismatch: "fail" | "restart",
  change: boolean,
): Promise<{ readonly name: string; readonly id: string; readonly gate: string }> {
  const name = await make(runtime, `upgraded-${onMismatch}`);
  const gate = await make(runtime, "oracle");
  const id = fresh("upgrade");
  await runtime.send(name, { payload: { change, gate }, id });
  await until("it is parked", async () => (await runtime.status(name)).parked.length === 1);
  return { name, id, gate };
}

/** How often each of its steps was done. */
function worked(outside: Outside, id: string): Promise<readonly number[]> {
  return Promise.all(["new", "work", "end"].map((step) => outside.counted(`${id} ${step}`)));
}

/** Guarantees about the work inside a tick: steps, waits, retries, the record. */
export const WORK_CASES: readonly BackendCase[] = [
  {
    guarantee: "steps once",
    name: "a finished step is replayed when its tick is tried again",
    async body({ runtime, outside }) {
      const name = await make(runtime, "stepper");
      const id = fresh("step");
      equal((await ask(runtime, name, { failures: 2 }, { id })).outcome, "done");
      equal(await outside.counted(`${id} work`), 1);
      equal(await stateOf(runtime, name, "results"), [1]);
    },
  },
  {
    guarantee: "steps once",
    name: "a finished step is replayed after a crash later in its tick",
    async body({ runtime, crash, outside }) {
      const name = await make(runtime, "stepper");
      const [id, gate] = [fresh("step"), fresh("gate")];
      await runtime.send(name, { payload: { failures: 0, gate }, id });
      await outside.pass(`${gate} reached`);
      const after = await crash();
      await outside.open(gate);
      await until("it is done", async () => (await stateOf(after, name, "results")) !== undefined);
      await until("it is done", async () => (await after.status(name)).queued === 0);
      equal(await outside.counted(`${id} work`), 1);
      equal(await stateOf(after, name, "results"), [1]);
      const record = (await after.status(name)).lastTick;
      equal(record?.steps, [{ key: "step:work#0", ms: 0, replayed: true }]);
    },
  },
  {
    guarantee: "waiting is free",
    name: "a request waits across a crash while other mail is processed",
    async body({ runtime, crash, outside }) {
      const [asker, oracle] = [await make(runtime, "asker"), await make(runtime, "oracle")];
      const id = fresh("ask");
      await runtime.send(asker, { payload: { ask: oracle }, id });
      await until("it is parked", async () => (await runtime.status(asker)).parked.length === 1);
      const after = await crash();
      equal((await ask(after, asker, "other")).outcome, "done");
      equal((await after.status(asker)).parked, [id]);
      await outside.open(`${oracle} gate`);
      const answer = await ask(after, asker, { ask: oracle }, { id });
      equal([answer.receipt, answer.outcome, answer.replies], ["duplicate", "done", ["asked"]]);
      equal(await after.state(asker), { answers: ["answer to question"], others: 1 });
      equal((await after.status(asker)).parked, []);
    },
  },
  {
    guarantee: "waiting is free",
    name: "a sleep and a timeout end in time, and a request to nobody fails at once",
    async body({ runtime, crash, outside }) {
      const [asker, oracle] = [await make(runtime, "asker"), await make(runtime, "oracle")];
      const id = fresh("sleep");
      await runtime.send(asker, { payload: { sleep: "300ms", ask: "nobody" }, id });
      await until("it is parked", async () => (await runtime.status(asker)).parked.length === 1);
      const after = await crash();
      equal((await ask(after, asker, { sleep: "1ms" }, { id })).outcome, "done");
      equal((await ask(after, asker, { ask: oracle, timeout: "20ms" })).outcome, "done");
      equal(await stateOf(after, asker, "answers"), ["NOT_FOUND", "TIMEOUT"]);
      await outside.open(`${oracle} gate`);
    },
  },
  {
    guarantee: "waiting is free",
    name: "a request to an agent that fails on it is answered with an error",
    async body({ runtime }) {
      const [asker, clumsy] = [await make(runtime, "asker"), await make(runtime, "checked")];
      equal((await ask(runtime, asker, { ask: clumsy })).outcome, "done");
      equal(await stateOf(runtime, asker, "answers"), ["REMOTE"]);
    },
  },
  {
    guarantee: "upgrades",
    name: "a tick goes on under other code that asks for the same",
    async body({ runtime, crash, outside }) {
      const { name, id, gate } = await parkedTick(runtime, "fail", false);
      const after = await crash(2);
      await outside.open(`${gate} gate`);
      await until("it is done", async () => (await stateOf(after, name, "done")) !== undefined);
      await until("it is done", async () => (await after.status(name)).parked.length === 0);
      equal(await stateOf(after, name, "done"), [id]);
      equal(await worked(outside, id), [0, 1, 1]);
      await crash();
    },
  },
  {
    guarantee: "upgrades",
    name: "a tick that does not fit other code is a dead letter, which the old code can replay",
    async body({ runtime, crash, outside }) {
      const { name, id, gate } = await parkedTick(runtime, "fail", true);
      const after = await crash(2);
      await outside.open(`${gate} gate`);
      await until("it is given up", async () => (await after.deadLetters(name, 0, 9)).length === 1);
      const { lastTick, status, parked } = await after.status(name);
      equal([lastTick?.outcome, lastTick?.error?.code], ["failed", "MISMATCH"]);
      ok(status === "active" && parked.length === 0, "an agent that is not to blame");
      for (const text of ["step:new#0", "step:work#0", "release 1", "release 2"]) {
        ok(lastTick?.error?.message.includes(`"${text}"`) === true, `"${text}" in the error`);
      }
      equal(await worked(outside, id), [0, 1, 0]);
      const before = await crash(1);
      await before.replay(name, id);
      await until(
        "it is done",
        async () => (await before.status(name)).lastTick?.outcome === "done",
      );
      equal(await worked(outside, id), [0, 1, 1]);
      equal((await before.verify(name)).ok, true);
    },
  },
  {
    guarantee: "upgrades",
    name: "a tick that does not fit other code begins anew where that is the policy",
    async body({ runtime, crash, outside }) {
      const { name, id, gate } = await parkedTick(runtime, "restart", true);
      const after = await crash(2);
      await outside.open(`${gate} gate`);
      const rows = async (): Promise<string> => JSON.stringify(await after.log(name, 0, 99));
      await until("it is done", async () => JSON.stringify(await after.state(name)).includes(id));
      equal(await worked(outside, id), [1, 2, 1]);
      ok((await rows()).includes("MISMATCH"), "the restart on the record");
      equal((await after.deadLetters(name, 0, 9)).length, 0);
      equal((await after.verify(name)).ok, true);
      await crash();
    },
  },
  {
    guarantee: "retries",
    name: "a tick that throws is retried and then a dead letter; TerminalError is one at once",
    async body({ runtime, outside }) {
      const name = await make(runtime, "clumsy");
      const [thrown, terminal] = [fresh("thrown"), fresh("terminal")];
      const answer = await ask(runtime, name, "throw", { id: thrown });
      equal(answer.error, { code: "FAILED", message: "thrown" });
      equal(await outside.counted(`${thrown} tries`), 3);
      const at = await ask(runtime, name, "terminal", { id: terminal });
      equal(at.error, { code: "TERMINAL", message: "no use" });
      equal(await outside.counted(`${terminal} tries`), 1);
      equal(await runtime.state(name), { errors: ["thrown", "no use"], tries: 0 });
      equal((await ask(runtime, name, "well")).replies, ["fine"]);
    },
  },
  {
    guarantee: "retries",
    name: "a tick that never ends is cut off, and one that cannot be stored changes nothing",
    async body({ runtime }) {
      const name = await make(runtime, "clumsy");
      equal((await ask(runtime, name, "hang")).error?.code, "TIMEOUT");
      equal((await ask(runtime, name, "unserialisable")).error?.code, "STATE");
      equal(await stateOf(runtime, name, "tries"), 0);
      equal((await ask(runtime, name, "well")).replies, ["fine"]);
    },
  },
  {
    guarantee: "retries",
    name: "an agent that fails on everything is quarantined, keeps its mail, and comes back by wake",
    async body({ runtime }) {
      const name = await make(runtime, "clumsy");
      for (let i = 0; i < 3; i += 1) await ask(runtime, name, "terminal");
      equal((await runtime.get(name)).status, "quarantined");
      await runtime.send(name, { payload: "well" });
      equal((await runtime.status(name)).queued, 1);
      equal((await runtime.wake(name)).outcome, "done");
      await until("the mail is processed", async () => (await runtime.status(name)).queued === 0);
      equal((await runtime.get(name)).status, "active");
    },
  },
  {
    guarantee: "on the record",
    name: "every tick is on the record, failed ones too, and the chain holds across a crash",
    async body({ runtime, crash }) {
      const name = await make(runtime, "clumsy");
      await ask(runtime, name, "throw");
      await ask(runtime, name, "well");
      const after = await crash();
      await after.tick(name);
      const rows = await after.log(name, 0, 100);
      const outcomes = rows.map(
        ({ record }) => (JSON.parse(record) as { outcome: string }).outcome,
      );
      equal(outcomes, ["done", "retry", "retry", "failed", "done", "done"]);
      const verdict = await after.verify(name);
      equal(verdict, { ok: true, records: 6, head: rows.at(-1)?.hash });
    },
  },
  {
    guarantee: "durable",
    name: "what was answered is there after a crash right then",
    async body({ runtime, crash }) {
      const name = await make(runtime, "keeper");
      await ask(runtime, name, "kept");
      const after = await crash();
      equal(await stateOf(after, name, "got"), ["kept"]);
      equal((await after.status(name)).ticks, 2);
    },
  },
  {
    guarantee: "keys stay in factotum",
    name: "no secret is in state, records, mail, status or errors",
    async body({ runtime, secrets }) {
      const name = await make(runtime, "clumsy");
      for (const text of ["throw", "well"]) await ask(runtime, name, text);
      const shown = JSON.stringify([
        await runtime.list(),
        await runtime.status(name),
        await runtime.state(name),
        await runtime.log(name, 0, 100),
        await runtime.deadLetters(name, 0, 100),
      ]);
      for (const secret of (await secrets?.()) ?? []) {
        ok(!shown.includes(secret), "no secret in what the runtime shows");
      }
    },
  },
  {
    guarantee: "poison is contained",
    name: "mail that kills its process ends with the dead letters; other mail does not",
    async body({ runtime, crash, outside }) {
      const [poison, keeper] = [await make(runtime, "poison"), await make(runtime, "keeper")];
      await until("it exists", async () => (await runtime.status(poison)).ticks === 1);
      await runtime.send(poison, { payload: "drink me" });
      let after = runtime;
      const sent: string[] = [];
      const dead = async (): Promise<boolean> =>
        (await after.deadLetters(poison, 0, 9)).length === 1;
      while (!(await dead())) {
        const tries = sent.length + 1;
        await until(`try ${tries}, or the end of them`, async () => {
          return (await outside.counted(`${poison} tries`)) === tries || dead();
        });
        if (await dead()) break;
        sent.push(`m${tries}`);
        await after.send(keeper, { payload: `m${tries}` });
        after = await crash();
      }
      // The first one counts only where the mail was known to be dangerous from the start.
      ok(sent.length === 3 || sent.length === 4, "three deaths that count");
      const [row] = await after.deadLetters(poison, 0, 9);
      ok(row?.reason?.includes("process died 3 times"), "the reason to say what it did");
      await ask(after, keeper, "last", { priority: -100 });
      equal(await stateOf(after, keeper, "got"), [...sent, "last"]);
    },
  },
  {
    guarantee: "no size cliff",
    name: "state above the limit is an error that names it, and the agent goes on",
    async body({ runtime }) {
      const name = await make(runtime, "clumsy");
      const { error } = await ask(runtime, name, "huge");
      equal(error?.code, "LIMIT");
      ok(error?.message.includes("limits.valueBytes"), "the limit's name in the error");
      equal((await ask(runtime, name, "well")).replies, ["fine"]);
    },
  },
];
