import assert from "node:assert/strict";
import { test } from "node:test";
import { openLog } from "../../src/cli/log.ts";
import type { DaemonLog, LogOptions } from "../../src/cli/log.ts";
import type { TickEvent } from "../../src/core/runtime.ts";

function opened(options: Partial<LogOptions> = {}): {
  readonly log: DaemonLog;
  readonly lines: string[];
} {
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  const usual = { format: "json", level: "info", secrets: ["hush-hush"], now: () => 0 } as const;
  return { log: openLog({ ...usual, write, ...options }), lines };
}

const tick = {
  agent: { name: "ada" },
  record: { n: 7, trigger: { id: "the-mail" } },
  output: {
    logs: [
      { at: 1, level: "debug", text: "too much" },
      {
        at: 2,
        level: "warn",
        text: "look\nagentd: forged",
        data: { password: "x", a: "hush-hush" },
      },
    ],
  },
  trace: "4bf92f3577b34da6a3ce929d0e0e4736",
} as unknown as TickEvent;

void test("as JSON each line is an object with time, level and msg, and without secrets", () => {
  const { log, lines } = opened();
  log.log("error", "it said hush-hush", { error: new Error("Bearer abcdefghijklmnop") });
  log.log("debug", "nobody sees this");
  const [line] = lines.map((text) => JSON.parse(text) as Record<string, unknown>);
  assert.equal(lines.length, 1);
  assert.equal(line?.["time"], "1970-01-01T00:00:00.000Z");
  assert.equal(line?.["level"], "error");
  assert.equal(line?.["msg"], "it said ***");
  assert.doesNotMatch(lines[0]!, /hush-hush|abcdefgh/);
});

void test("an agent's log lines come at their level, with agent, tick, envelope and trace", () => {
  const { log, lines } = opened();
  log.tick(tick);
  assert.deepEqual(
    lines.map((text) => JSON.parse(text) as unknown),
    [
      {
        level: "warn",
        time: "1970-01-01T00:00:00.000Z",
        agent: "ada",
        tick: 7,
        envelope: "the-mail",
        trace: "4bf92f3577b34da6a3ce929d0e0e4736",
        at: 2,
        data: { password: "***", a: "***" },
        msg: "look agentd: forged",
      },
    ],
  );
});

void test("for people each line is one line, whatever an agent says", () => {
  const { log, lines } = opened({ format: "pretty", level: "warn" });
  log.log("info", "nobody sees this");
  log.say("stopping");
  log.log("warn", "the passphrase is hush-hush");
  log.tick(tick);
  assert.equal(lines[0], "agentd: stopping\n");
  assert.equal(lines[1], "agentd: the passphrase is ***\n");
  assert.match(lines[2]!, /^agentd: look agentd: forged agent=ada tick=7 [^\n]*\n$/);
  assert.equal(lines.length, 3);
});

void test("a request is one line with its route and no query, and error when the server is to blame", () => {
  const { log, lines } = opened();
  const request = { method: "GET", path: "/agents/ada", scheme: "http" };
  const facts = { route: "/agents/{ref}", id: "r-1", principal: "root" };
  log.requests.start(request).end({ status: 404, ...facts });
  log.requests.start(request).end({ status: 500, ...facts });
  const [first, second] = lines.map((text) => JSON.parse(text) as Record<string, unknown>);
  assert.deepEqual(first, {
    level: "info",
    time: "1970-01-01T00:00:00.000Z",
    method: "GET",
    route: "/agents/{ref}",
    status: 404,
    ms: 0,
    request: "r-1",
    principal: "root",
    msg: "request",
  });
  assert.equal(second?.["level"], "error");
});

const failure = (agent: string, outcome: string, message: string): TickEvent =>
  ({
    agent: { id: `npub-${agent}`, name: agent },
    record: { n: 7, trigger: { id: "mail" }, outcome, error: { code: "FAILED", message } },
    output: {},
  }) as unknown as TickEvent;

void test("a tick that failed is a line at warn, on one line, cut short and with no secret in it", () => {
  const { log, lines } = opened({ format: "pretty", level: "warn" });
  log.tick(failure("ada", "retry", "it\nsaid hush-hush"));
  log.tick(failure("ada", "failed", `${"x".repeat(495)} hush-hush ${"y".repeat(495)}`));
  assert.equal(
    lines[0],
    "agentd: tick failed, to be tried again: FAILED it said *** agent=ada tick=7 envelope=mail code=FAILED\n",
  );
  assert.match(lines[1]!, /^agentd: tick failed for good: FAILED x{495} \*\*\*/);
  assert.doesNotMatch(lines[1]!, /hush|yy/);
  const silent = opened({ level: "error" });
  silent.log.tick(failure("ada", "failed", "x"));
  assert.deepEqual(silent.lines, []);
});

void test("a storm of failures is ten lines a minute of an agent and 300 of all, and how many were not said", () => {
  let now = 0;
  const { log, lines } = opened({ now: () => now });
  for (let i = 0; i < 500; i += 1) log.tick(failure("ada", "retry", "again"));
  assert.equal(lines.length, 10);
  log.tick(failure("bob", "failed", "once"));
  assert.equal((JSON.parse(lines[10]!) as { unsaid: number }).unsaid, 490);
  for (let i = 0; i < 1000; i += 1) log.tick(failure(`agent-${i}`, "failed", "once"));
  assert.equal(lines.length, 300);
  now = 60_000;
  log.tick(failure("ada", "retry", "again"));
  const { agent, unsaid } = JSON.parse(lines[300]!) as { agent: string; unsaid: number };
  assert.deepEqual([agent, unsaid], ["ada", 711]);
});
