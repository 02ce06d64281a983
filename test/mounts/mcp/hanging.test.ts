import assert from "node:assert/strict";
import { test } from "node:test";
import { manualClock } from "../../../src/testing/index.ts";
import { errno } from "../../vfs/home.ts";
import { httpTools, mounted, until } from "./fixture.ts";

const never = (): Promise<Response> => new Promise(() => undefined);

void test("a server that hangs keeps nobody waiting for long, and nobody twice", async () => {
  const clock = manualClock(0);
  await using http = await httpTools({ answer: never });
  await using s = mounted({ url: http.url }, { clock });
  const asked = s.read("/tools.json");
  const refused = assert.rejects(asked, errno("ETIMEDOUT", /"s" has not answered in 10000 ms/));
  await until("asked", () => http.seen.length > 0);
  await clock.advance(10_000);
  await refused;
  // It is still waited for: that no message waits once more takes no time.
  await assert.rejects(s.read("/tools.json"), errno("ETIMEDOUT"));
  assert.equal(http.seen.length, 1);
  await clock.advance(20_000);
  await http.stop();
  await until("lost", () => s.logged.length > 0);
  await http.start();
  // 30 s were waited in vain: so long it is left alone.
  await clock.advance(29_000);
  await assert.rejects(s.read("/tools.json"), errno("ETIMEDOUT"));
  await assert.rejects(s.call("echo"), errno("EHOSTUNREACH", /tried again in 1 s/));
  assert.equal(http.seen.length, 1);
  await clock.advance(1_000);
  const again = s.read("/tools.json").catch(() => undefined);
  await until("asked again", () => http.seen.length === 2);
  await http.stop();
  await again;
});

void test("while a server hangs or is gone, what it had is offered, and the log says so once", async () => {
  const clock = manualClock(0);
  let hangs = false;
  await using http = await httpTools({ answer: () => (hangs ? never() : undefined) });
  await using s = mounted({ url: http.url, idle: "1s" }, { clock });
  const all = await s.read("/tools.json");
  assert.match(all, /echo/);
  hangs = true;
  // It is let go of, and what it has is asked for anew.
  await clock.advance(60_000);
  const before = http.seen.length;
  const asked = s.read("/tools.json");
  await until("asked", () => http.seen.length > before);
  await clock.advance(3_000);
  assert.equal(await asked, all);
  assert.equal(await s.read("/tools.json"), all);
  await http.stop();
  await until("lost", () => s.logged.some((line) => /is lost/.test(line)));
  assert.equal(await s.read("/tools.json"), all);
  const told = s.logged.filter((line) => /offered the tools that it had before/.test(line));
  assert.equal(told.length, 1);
  assert.match(told[0]!, /has not answered in 3000 ms/);
  hangs = false;
  await http.start();
  await clock.advance(60_000);
  const asking = http.seen.length;
  assert.equal(await s.read("/tools.json"), all);
  assert.ok(http.seen.length > asking);
});
