import assert from "node:assert/strict";
import { test } from "node:test";
import { demo, setting } from "./setting.ts";

void test("greeter greets, counts, and says goodbye an hour after its last guest", async () => {
  await using it = await setting();
  const events: unknown[] = [];
  it.runtime.watch(undefined, ({ output }) => events.push(...(output.events ?? [])));
  assert.deepEqual(await it.ask("greeter", "Ada"), ["Hello Ada, you are number 1"]);
  await it.clock.advance(1_800_000);
  assert.deepEqual(await it.ask("greeter", "Grace"), ["Hello Grace, you are number 2"]);
  const { alarms } = await it.runtime.status("greeter");
  assert.deepEqual(alarms, [{ id: "goodbye", at: it.clock.now() + 3_600_000 }]);
  await it.clock.advance(3_600_000);
  assert.deepEqual(events, [
    { name: "greeted", data: { total: 1 } },
    { name: "greeted", data: { total: 2 } },
    { name: "goodbye", data: { total: 2 } },
  ]);
  assert.deepEqual((await it.runtime.status("greeter")).alarms, []);
});

void test("npm run example:greeter shows it", async () => {
  const { code, stdout, stderr } = await demo("greeter");
  assert.equal(code, 0, stderr);
  assert.match(stdout, /greeter: Hello Ada, you are number 1\n/);
  assert.match(stdout, /Its alarm "goodbye" is set for 2/);
  assert.match(stdout, /Its record of 3 ticks is intact\n$/);
});
