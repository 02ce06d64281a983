import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { test } from "node:test";
import type { Client } from "../../src/control/client.ts";
import { follow } from "../../src/cli/follow.ts";
import type { LogLine } from "../../src/cli/log-filter.ts";
import { logFilter } from "../../src/cli/log-filter.ts";
import { PACKAGE, project } from "./project.ts";
import type { Ended, Project } from "./project.ts";

const CHATTY = `
import { defineAgent, defineRuntime } from "@openagents/runtime";
const chatty = defineAgent({
  name: "chatty",
  async onMessage(ctx, message) {
    if (message.text === "fail") throw new Error("told to");
    ctx.log.debug("looks", { at: message.text });
    ctx.log.info("says", { text: message.text });
    ctx.log.warn("doubts", { about: "Émile" });
    ctx.broadcast("said", { text: message.text });
    await ctx.reply(message.text);
  },
  retry: { retries: 0 },
});
export default defineRuntime({ agents: [chatty], ensure: [{ name: "chatty", type: "chatty" }] });
`;

function lines({ code, stdout, stderr }: Ended): readonly LogLine[] {
  assert.equal(code, 0, stderr);
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as LogLine);
}

/** agentctl as it runs on; what it prints, as JSON, one a line. */
function follower(p: Project, args: readonly string[]) {
  const words = [join(PACKAGE, "bin/agentctl.js"), ...args];
  const child = spawn(process.execPath, words, { cwd: p.dir, stdio: ["ignore", "pipe", "pipe"] });
  const seen: unknown[] = [];
  let talk = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (talk += text));
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`It ended with ${String(code)}: ${talk}`);
  });
  ended.catch(() => undefined);
  const input = createInterface(child.stdout);
  input.on("line", (line) => seen.push(JSON.parse(line)));
  return {
    child,
    seen,
    until: (enough: () => boolean): Promise<void> =>
      Promise.race([
        ended,
        new Promise<void>((resolve) => {
          const check = (): void => {
            if (enough()) resolve();
          };
          input.on("line", check);
          child.stderr.on("data", check);
          check();
        }),
      ]),
    talked: () => talk,
  };
}

void test("agentctl logs shows from a time, a level or with a text alone", async () => {
  await using p = project(CHATTY);
  await p.start();
  for (const text of ["one", "two", "three"]) {
    assert.equal((await p.agentctl("send", "chatty", text, "--wait")).code, 0);
  }
  assert.equal((await p.agentctl("send", "chatty", "fail", "--wait")).code, 1);
  const logs = async (...args: string[]): Promise<readonly LogLine[]> =>
    lines(await p.agentctl("logs", "chatty", "--json", ...args));
  const all = await logs();
  assert.equal(all.length, 16);
  assert.deepEqual(await logs("--since", "1h"), all);
  const third = all.find(({ data }) => JSON.stringify(data) === '{"text":"three"}')!;
  const since = await logs("--since", new Date(third.at).toISOString());
  assert.deepEqual(
    since,
    all.filter(({ at }) => at >= third.at),
  );
  assert.ok(since.length < all.length);
  assert.deepEqual(await logs("--since", "2999-01-01"), []);
  assert.deepEqual(await logs("--since", "1h", "--limit", "1"), all.slice(-1));
  const levels = async (level: string): Promise<readonly string[]> => [
    ...new Set((await logs("--level", level)).map((line) => line.level)),
  ];
  assert.deepEqual(await levels("debug"), ["debug", "info", "warn", "event", "reply", "failed"]);
  assert.deepEqual(await levels("warn"), ["warn", "failed"]);
  assert.deepEqual(await levels("error"), ["failed"]);
  assert.deepEqual(await levels("event"), ["event"]);
  assert.deepEqual(await levels("reply"), ["reply"]);
  assert.equal((await logs("--grep", "TWO")).length, 4);
  assert.equal((await logs("--grep", "émile", "--level", "warn")).length, 3);
  for (const args of [
    ["--since", "x"],
    ["--level", "x"],
    ["--since", "2026-99-99"],
  ]) {
    const { code, stderr } = await p.agentctl("logs", "chatty", ...args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, new RegExp(`Cannot use ${args[0]} "${args[1]}"`));
  }
});

void test("logFilter() counts what is no level as an error", () => {
  const { wants } = logFilter({ level: "error" });
  const line = { n: 1, at: 0, text: "x" };
  assert.ok(wants({ ...line, level: "constructor" }));
  assert.ok(!wants({ ...line, level: "retry" }));
});

void test("follow() goes on behind the last event that has an id", async () => {
  const asked: (string | undefined)[] = [];
  const events = [["", "1.1", "1.1", "2"], [""], ["3"]].map((ids) =>
    ids.map((id) => ({ id, event: "log", data: "{}" })),
  );
  const client = {
    async *stream(_path, after) {
      asked.push(after);
      yield* events[asked.length - 1] ?? [];
    },
  } as Partial<Client> as Client;
  const ids: string[] = [];
  for await (const { id } of follow({ path: "/", after: "0", connect: () => client, pause: 1 })) {
    ids.push(id);
    if (id === "3") break;
  }
  assert.deepEqual(ids, ["", "1.1", "1.1", "2", "", "3"]);
  assert.deepEqual(asked, ["0", "2", "2"]);
});

void test("agentctl logs and stream --follow go on after kill -9 of agentd, each line once", async () => {
  await using p = project(CHATTY);
  let daemon = await p.start();
  const send = async (text: string): Promise<void> => {
    assert.equal((await p.agentctl("send", "chatty", text, "--wait")).code, 0);
  };
  await send("0");
  const logs = follower(p, ["logs", "chatty", "--follow", "--json", "--grep", "says"]);
  const stream = follower(p, ["stream", "chatty", "--follow", "--ndjson", "--after", "0"]);
  const once = follower(p, ["stream", "chatty", "--json", "--after", "0"]);
  const all = [logs, stream, once];
  const said = ({ seen }: (typeof all)[number], text: string): boolean =>
    seen.some((one) => JSON.stringify(one).includes(`"text":"${text}"`));
  try {
    await send("1");
    for (const one of all) await one.until(() => said(one, "1"));
    await daemon.end("SIGKILL");
    for (const one of [logs, stream])
      await one.until(() => one.talked().includes("Waiting for it"));
    await assert.rejects(
      once.until(() => false),
      /It ended with 5: agentctl: Cannot reach agentd/,
    );
    daemon = await p.start();
    for (const text of ["2", "3"]) await send(text);
    for (const one of [logs, stream]) await one.until(() => said(one, "3"));
  } finally {
    for (const { child } of all) child.kill();
  }
  const texts = logs.seen.map((line) => ((line as LogLine).data as { text: string }).text);
  assert.deepEqual(texts, ["0", "1", "2", "3"]);
  // What is told of a running tick comes again when that is cut short; what is durable does not.
  const ids = stream.seen
    .map((event) => event as { id: string; event: string })
    .filter(({ event }) => ["log", "event", "reply", "tick_end"].includes(event))
    .map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  const places = ids.map((id) => id.split(".").map(Number));
  const sorted = places.toSorted(([a = 0, b = 0], [c = 0, d = 0]) => a - c || b - d);
  assert.deepEqual(places, sorted);
});

void test("agentd says of each tick that failed which agent it was and why", async () => {
  await using p = project(CHATTY.replace("retries: 0", "retries: 1, backoff: 1"));
  const daemon = await p.start();
  assert.notEqual((await p.agentctl("send", "chatty", "fail", "--wait")).code, 0);
  const { stderr } = await daemon.end();
  const said = stderr.split("\n").filter((line) => line.includes("told to"));
  assert.equal(said.length, 2, stderr);
  assert.match(said[0]!, /^agentd: tick failed, to be tried again: FAILED told to agent=chatty /);
  assert.match(said[1]!, /^agentd: tick failed for good: FAILED told to agent=chatty /);
});
