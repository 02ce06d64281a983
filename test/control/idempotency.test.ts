import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { idempotency } from "../../src/control/idempotency.ts";
import type { Once } from "../../src/control/idempotency.ts";
import { memoryHomeFiles } from "../../src/stores/memory/home-files.ts";

const REQUEST: Once = { principal: "root", key: "k", request: "POST /x", secret: false };
const never = (): Promise<Response> => new Promise(() => {});
const answer = async (): Promise<Response> => new Response("done");
const busy = { code: "BUSY" };

void test("what a process began that is no more is done anew at once, and in the process itself never twice", async () => {
  const files = memoryHomeFiles();
  const clock = { at: 1_000_000, now: () => clock.at };
  const first = idempotency({ files, clock });
  void first.once(REQUEST, never);
  await sleep(1);
  clock.at += 3_600_000;
  await assert.rejects(first.once(REQUEST, answer), busy);
  const second = idempotency({ files, clock });
  assert.equal(await (await second.once(REQUEST, answer)).text(), "done");
  const again = await second.once(REQUEST, never);
  assert.equal(again.headers.get("idempotency-replayed"), "true");
});

void test("a lease holds while its work runs, and is free soon after it is renewed no more", async () => {
  const files = memoryHomeFiles();
  const clock = { now: () => Date.now() };
  const frozen = { is: false };
  const write: typeof files.write = async (change) => {
    if (frozen.is) throw new Error("gone");
    return files.write(change);
  };
  const held = {
    read: files.read.bind(files),
    list: files.list.bind(files),
    write,
    close: async () => {},
  };
  const [one, other] = [held, files].map((of) => idempotency({ files: of, clock, lease: 60 }));
  const gate = Promise.withResolvers<Response>();
  const done = one!.once(REQUEST, () => gate.promise);
  await sleep(300);
  await assert.rejects(other!.once(REQUEST, answer), busy);
  frozen.is = true;
  for (;;) {
    try {
      assert.equal(await (await other!.once(REQUEST, answer)).text(), "done");
      break;
    } catch (error) {
      assert.equal((error as { code: string }).code, "BUSY");
      await sleep(10);
    }
  }
  // What comes late does not take the place of what is known since.
  frozen.is = false;
  gate.resolve(new Response("late"));
  await done;
  assert.equal(await (await one!.once(REQUEST, never)).text(), "done");
});
