import assert from "node:assert/strict";
import { test } from "node:test";
import { lines } from "../../src/vfs/services/stream.ts";

const MOST = 4_194_304;

void test("lines() holds at most 4 Mi characters for who does not read, and tells how many lines were missed", async () => {
  let tell: (...more: readonly string[]) => void = () => undefined;
  const stop = new AbortController();
  const stream = lines((given) => {
    tell = given;
    return () => undefined;
  }, stop.signal)[Symbol.asyncIterator]();
  const first = stream.next();
  tell("one\n");
  assert.equal((await first).value, "one\n");
  const line = `${"x".repeat(999_999)}\n`;
  for (let i = 0; i < 10; i += 1) tell(line);
  const held = (await stream.next()).value as string;
  assert.ok(held.length <= MOST, `${held.length}`);
  assert.equal(held, line.repeat(4));
  assert.deepEqual(JSON.parse((await stream.next()).value as string), {
    event: "missed",
    lines: 6,
  });
  // It has room again, but never for one line that is more than all.
  tell("x".repeat(MOST + 1), "two\n");
  assert.equal((await stream.next()).value, "two\n");
  assert.equal(JSON.parse((await stream.next()).value as string).lines, 1);
  tell(...Array.from({ length: 10_001 }, () => "x\n"));
  assert.equal((await stream.next()).value, "x\n".repeat(10_000));
  assert.equal(JSON.parse((await stream.next()).value as string).lines, 1);
  stop.abort();
  assert.equal((await stream.next()).done, true);
});
