import assert from "node:assert/strict";
import { test } from "node:test";
import { goalTree } from "../../src/cli/goal-tree.ts";
import type { Goal } from "../../src/core/ports/memory.ts";
import { project } from "./project.ts";
import type { Ended } from "./project.ts";

const CONFIG = `
import { defineAgent, defineRuntime } from "@openagents/runtime";
const keeper = defineAgent({
  name: "keeper",
  async onMessage(ctx, { text }) {
    await ctx.memory.peers.note("1".repeat(64), { note: text });
    ctx.schedule({ every: "90m" }, null, { id: "often" });
    ctx.schedule({ cron: "0 9 * * *", timeZone: "Europe/Berlin" }, "Up", { id: "daily" });
    await ctx.reply("noted");
  },
});
export default defineRuntime({ agents: [keeper], ensure: [{ name: "alice", type: "keeper" }] });
`;

function ok({ code, stdout, stderr }: Ended): string {
  assert.equal(code, 0, stderr);
  return stdout;
}

function fails({ code, stderr }: Ended, expected: number, message: RegExp): void {
  assert.equal(code, expected, stderr);
  assert.match(stderr, message);
}

const json = (ended: Ended): unknown => JSON.parse(ok(ended));

void test("agentctl goals walks goals through their life", async () => {
  await using p = project(CONFIG);
  await p.start();
  const goals = (...args: string[]): Promise<Ended> => p.agentctl("goals", ...args);
  const none = await goals("alice");
  assert.equal(ok(none), "");
  assert.match(none.stderr, /agentctl goals add alice "TITLE"/);
  const made = await goals("add", "alice", "Answer every mail", "--priority", "-5");
  const id = ok(made).trim();
  assert.match(made.stderr, new RegExp(`agentctl goals done alice ${id}\n$`));
  const part = ["--id", "part", "--parent", id, "--note", "Today", "--progress", "40%"];
  ok(await goals("add", "alice", "The one of Ada", ...part));
  ok(await goals("add", "alice", "Sleep", "--id", "sleep", "--priority", "3"));
  assert.match(
    ok(await goals("alice")),
    new RegExp(
      `^ID .*\nsleep +open +3 +0% .* Sleep\n${id} +open +-5 +0% .*  Answer every mail\npart +open +0 +40% .*    The one of Ada: Today\n$`,
    ),
  );
  assert.equal((await goals("done", "alice", "part")).stderr, "The one of Ada: done, 40%\n");
  ok(await goals("drop", "alice", "sleep", "--result", "Never tired"));
  assert.match(ok(await goals("alice", "--status", "dropped")), /Sleep = Never tired\n$/);
  const open = json(await goals("alice", "--status", "open", "--json")) as Goal[];
  assert.deepEqual(
    open.map((goal) => goal.id),
    [id],
  );
  const change = ["--title", "Hers", "--no-parent", "--no-note", "--progress", "1", "--json"];
  const { parent, note, ...rest } = json(await goals("update", "alice", "part", ...change)) as Goal;
  assert.deepEqual([parent, note, rest.title, rest.progress], [undefined, undefined, "Hers", 1]);
  ok(
    await goals("update", "alice", "sleep", "--status", "open", "--parent", "part", "--no-result"),
  );
  assert.equal((await goals("remove", "alice", "part")).stderr, "Removed part.\n");
  const left = json(await goals("alice", "--json")) as Goal[];
  assert.deepEqual(
    left.map((goal) => [goal.id, goal.parent, goal.result]),
    [
      [id, undefined, undefined],
      ["sleep", undefined, undefined],
    ],
  );
});

void test("agentctl goals says what is wrong", async () => {
  await using p = project(CONFIG);
  await p.start();
  const goals = (...args: string[]): Promise<Ended> => p.agentctl("goals", ...args);
  fails(await goals("alcie"), 3, /Did you mean alice/);
  fails(await goals("alice", "--status", "shut"), 2, /one of open, done, dropped/);
  fails(await goals("done", "alice", "nope"), 3, /no goal "nope"[^]*agentctl goals NAME/);
  fails(await goals("done", "alice", "a/b"), 2, /"a\/b" as the id of a goal/);
  fails(await goals("update", "alice", "x"), 2, /agentctl goals update --help/);
  fails(await goals("add", "alice", "x", "--priority", "101"), 2, /--priority "101"/);
  fails(await goals("add", "alice", "x", "--progress", "400%"), 2, /--progress "400%"/);
  fails(await goals("add", "alice", "x", "--parent", "nope"), 1, /"parent" is no goal/);
});

void test("agentctl memory and agentctl alarms show what an agent keeps", async () => {
  await using p = project(CONFIG);
  await p.start();
  const nothing = await p.agentctl("memory", "alice");
  assert.equal(ok(nothing), "");
  assert.match(nothing.stderr, /agentctl state alice/);
  assert.match((await p.agentctl("alarms", "alice")).stderr, /agentctl schedule create alice/);
  ok(await p.agentctl("send", "alice", "red", "--wait"));
  assert.match(ok(await p.agentctl("alarms", "alice")), /^often +\d{4}-.* every 90m$/m);
  assert.match(
    ok(await p.agentctl("alarms", "alice")),
    /^daily +\d{4}-.* 0 9 \* \* \* \(Europe\/Berlin\) +Up$/m,
  );
  const all = ok(await p.agentctl("memory", "alice"));
  const path = /^(\/memory\/peers\/\S+) +\d+ bytes +.*…$/m.exec(all)?.[1];
  assert.ok(path !== undefined, all);
  // One that is named in full is printed as it is; below "memory/" all of them are.
  assert.ok(Math.max(...all.split("\n").map((line) => line.length)) < 300, all);
  const whole = ok(await p.agentctl("memory", "alice", path));
  assert.match(whole, /^[^\n]*red[^\n]*\n$/);
  assert.equal(ok(await p.agentctl("memory", "alice", path.slice(1))), whole);
  // It is the path that the agent's tree has.
  assert.match(ok(await p.agentctl("fs", "cat", `alice:${path.slice(1)}`)), /red/);
  assert.equal(ok(await p.agentctl("memory", "alice", "/memory")), all);
  const few = json(await p.agentctl("memory", "alice", "peers/", "--json")) as { path: string }[];
  assert.deepEqual(
    few.map((file) => file.path),
    [path.slice(1)],
  );
  assert.match(
    (await p.agentctl("memory", "alice", "nope/")).stderr,
    /Nothing below \/memory\/nope/,
  );
});

void test("goalTree() puts goals below what they are part of, and loses none", () => {
  const goal = (id: string, priority: number, parent?: string): Goal => ({
    id,
    title: id,
    status: "open",
    priority,
    progress: 0,
    createdAt: 0,
    updatedAt: 0,
    ...(parent !== undefined && { parent }),
  });
  const placed = goalTree([
    goal("a", 1),
    goal("b", 2),
    goal("c", 0, "a"),
    goal("d", 9, "c"),
    goal("e", 5, "a"),
    goal("f", 0, "not shown"),
  ]);
  assert.deepEqual(
    placed.map(({ goal: { id }, depth }) => `${depth}${id}`),
    ["0b", "0a", "1e", "1c", "2d", "0f"],
  );
});

void test("agentctl memory search finds what an agent remembers", async () => {
  await using p = project(CONFIG);
  await p.start();
  const search = (...args: string[]): Promise<Ended> => p.agentctl("memory", "search", ...args);
  ok(await p.agentctl("send", "alice", "A red\u001b[31m Kite", "--wait"));
  const found = ok(await search("alice", "RED", "kit*"));
  assert.match(found, /^PATH +TEXT\n\/memory\/peers\/npub1\w+ +A red Kite\n$/);
  assert.ok(!found.includes("\u001b"));
  const [hit] = json(await search("alice", "red kite", "--in", "peers, kv", "--json")) as {
    in: string;
  }[];
  assert.equal(hit?.in, "peers");
  const none = await search("alice", "red", "--in", "goals");
  assert.equal(ok(none), "");
  assert.match(none.stderr, /agentctl memory alice\n$/);
  fails(await search("alice", "red", "--in", "sky"), 2, /--in "sky"/);
  fails(await search("alice", "red", "--limit", "101"), 2, /--limit "101"/);
  fails(await search("alice", "..."), 1, /1 to 20 words/);
  fails(await search("alcie", "red"), 3, /Did you mean alice/);
});
