import assert from "node:assert/strict";
import { test } from "node:test";
import { demo } from "./setting.ts";

void test("npm run example:move: an agent goes to a Worker and back while mail comes in, and loses nothing", async () => {
  const { code, stdout, stderr } = await demo("move");
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /The answer came to the Worker: yes, is it far\?\n/);
  assert.equal(stdout.match(/^Moved to http\S+: \d+ bytes in \d+ ms$/gm)?.length, 2);
  assert.match(stdout, /Sent \d+ messages meanwhile: each was heard once, in order\n/);
  assert.match(stdout, /Its alarm rang: 1\n/);
  assert.match(stdout, /Its record of \d+ ticks over both homes is intact\n$/);
});
