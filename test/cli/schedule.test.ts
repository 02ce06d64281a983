import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { project } from "./project.ts";
import type { Ended } from "./project.ts";

function ok({ code, stdout, stderr }: Ended): string {
  assert.equal(code, 0, stderr);
  return stdout;
}

function fails({ code, stderr }: Ended, expected: number, message: RegExp): void {
  assert.equal(code, expected, stderr);
  assert.match(stderr, message);
}

const json = (ended: Ended): Record<string, unknown> =>
  JSON.parse(ok(ended)) as Record<string, unknown>;

void test("agentctl schedule walks a schedule through its life", async () => {
  await using p = project();
  await p.start();
  const schedule = (...args: string[]) => p.agentctl("schedule", ...args);
  assert.equal(ok(await schedule("list")), "");
  const cron = ["--cron", "0 9 * * 1-5", "--zone", "Europe/Berlin", "--id", "news"];
  const made = await schedule("create", "greeter", "Ada", ...cron);
  assert.equal(ok(made), "news\n");
  assert.match(made.stderr, /^It is due \d{4}-/);
  ok(await schedule("create", "greeter", "--every", "1h30m", "--id", "often", "--paused"));
  assert.match(
    ok(await schedule("list")),
    /^ID[^]*\nnews +greeter +0 9 \* \* 1-5 \(Europe\/Berlin\) +active[^]*\noften +greeter +every 90m +paused/,
  );
  assert.match(ok(await schedule("info", "news")), /^payload +"Ada"$/m);
  assert.equal(json(await schedule("pause", "news", "--json"))["status"], "paused");
  assert.equal(json(await schedule("resume", "news", "--json"))["status"], "active");
  const at = new Date(Date.now() + 5000).toISOString();
  const soon = ["--at", at, "--type", "message", "--payload", "--id", "soon"];
  ok(await schedule("create", "greeter", '{"text":"Eve"}', ...soon));
  while (json(await schedule("info", "soon", "--json"))["status"] !== "done") await sleep(50);
  assert.equal(json(await schedule("info", "soon", "--json"))["fired"], 1);
  while (json(await p.agentctl("state", "greeter"))["greeted"] !== 1) await sleep(50);
  ok(await schedule("delete", "news"));
  fails(await schedule("delete", "news"), 3, /no schedule "news"[^]*agentctl schedule list/);
});

void test("agentctl schedule says what is wrong", async () => {
  await using p = project();
  await p.start();
  const create = (...args: string[]) => p.agentctl("schedule", "create", ...args);
  fails(await create("greeter"), 2, /exactly one of --cron, --every and --at/);
  fails(await create("greeter", "--every", "1m", "--at", "x"), 2, /exactly one of/);
  fails(await create("greeter", "{", "--payload", "--every", "1m"), 2, /as JSON/);
  fails(await create("greeter", "--cron", "whenever"), 1, /5 or 6.*"whenever"/);
  fails(await create("greeter", "--every", "1m", "--missed", "maybe"), 1, /skip, once, all/);
  fails(await create("greter", "--every", "1m"), 3, /There is no agent "greter"/);
});
