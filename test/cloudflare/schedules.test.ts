import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startWorkerd } from "../../scripts/workerd.ts";
import type { Workerd } from "../../scripts/workerd.ts";
import type { Schedule } from "../../src/drivers/scheduler.ts";

const OBJECTS = { AGENTS: "AgentObject", DIRECTORY: "DirectoryObject" };

function startWorker(objects: Record<string, string> = { ...OBJECTS, HOME: "HomeObject" }) {
  return startWorkerd({ entry: "test/cloudflare/schedules.worker.ts", objects });
}

async function ask<T>(worker: Workerd, method: string, path: string, body?: unknown): Promise<T> {
  const init = { method, ...(body !== undefined && { body: JSON.stringify(body) }) };
  const response = await worker.fetch(path, init);
  const text = await response.text();
  assert.ok(response.ok, text);
  return (text === "" ? undefined : JSON.parse(text)) as T;
}

async function heard(worker: Workerd): Promise<readonly string[]> {
  return (await ask<{ heard?: string[] }>(worker, "GET", "/agents/ada/state")).heard ?? [];
}

/** A time that is not over by the time it is stored, however slow the machine is. */
function soon(): number {
  return Date.now() + 3000;
}

async function until(done: () => Promise<boolean>): Promise<void> {
  while (!(await done())) await sleep(50);
}

void test("a schedule fires by the alarm of its object, also after workerd was killed", async () => {
  await using worker = await startWorker();
  const made = await ask<Schedule>(worker, "POST", "/schedules", {
    id: "often",
    agent: "ada",
    every: "1s",
    missed: "all",
    payload: "now",
  });
  const start = made.start!;
  assert.deepEqual([made.status, made.due], ["active", start]);
  await until(async () => (await heard(worker)).length >= 2);
  const line = (n: number): string => `often ${new Date(start + n * 1000).toISOString()} now`;
  assert.deepEqual((await heard(worker)).slice(0, 2), [line(0), line(1)]);

  await worker.kill();
  await sleep(1500);
  await worker.start();
  // Nothing but the alarm wakes the object.
  await until(async () => (await heard(worker)).length >= 6);
  const all = await heard(worker);
  assert.deepEqual(
    all,
    all.map((_, n) => line(n)),
    "each once, and those in between",
  );
});

void test("schedules are changed, paused and taken away while an alarm is set", async () => {
  await using worker = await startWorker();
  const later = Date.now() + 3_600_000;
  await ask(worker, "POST", "/schedules", { id: "a", agent: "ada", at: later });
  const paused = await ask<Schedule>(worker, "POST", "/schedules/a/pause");
  assert.deepEqual([paused.status, paused.due], ["paused", undefined]);
  assert.equal((await ask<Schedule>(worker, "POST", "/schedules/a/resume")).due, later);
  const moved = await ask<Schedule>(worker, "PATCH", "/schedules/a", { at: soon() });
  await until(async () => (await heard(worker)).length === 1);
  const done = await ask<Schedule>(worker, "GET", "/schedules/a");
  assert.deepEqual([done.status, done.fired, done.lastDue], ["done", 1, moved.due]);
  await ask(worker, "DELETE", "/schedules/a");
  assert.deepEqual(await ask(worker, "GET", "/schedules"), { items: [] });
});

void test("a name is whoever has it when the schedule is due; one that is gone disables it", async () => {
  await using worker = await startWorker();
  const create = () => ask(worker, "POST", "/agents", { name: "bob", type: "listener" });
  await create();
  const status = async (): Promise<unknown> => {
    await ask(worker, "PATCH", "/schedules/b", { at: soon(), paused: false });
    let schedule: Schedule;
    do {
      await sleep(50);
      schedule = await ask<Schedule>(worker, "GET", "/schedules/b");
    } while (schedule.status === "active");
    return [schedule.status, schedule.fired, schedule.lastError?.code];
  };
  await ask(worker, "POST", "/schedules", { id: "b", agent: "bob", at: Date.now() + 3_600_000 });
  assert.deepEqual(await status(), ["done", 1, undefined]);
  await ask(worker, "DELETE", "/agents/bob");
  assert.deepEqual(await status(), ["done", 1, "NOT_FOUND"]);
  await create();
  assert.deepEqual(await status(), ["done", 2, undefined]);
  const agent = await ask<{ id: string }>(worker, "GET", "/agents/bob");
  await ask(worker, "PATCH", "/schedules/b", { agent: agent.id, at: Date.now() + 3_600_000 });
  await ask(worker, "DELETE", "/agents/bob");
  assert.deepEqual(await status(), ["disabled", 2, "TERMINATED"]);
});

void test("a Worker without the binding says how to have schedules", async () => {
  await using worker = await startWorker(OBJECTS);
  const response = await worker.fetch("/schedules");
  const problem = (await response.json()) as { code: string; detail: string };
  assert.equal(problem.code, "CONFIG");
  assert.match(problem.detail, /bind "HomeObject" as "HOME"/);
  assert.deepEqual(await heard(worker), []);
});
