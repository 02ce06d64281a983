import assert from "node:assert/strict";
import { test } from "node:test";
import { OpenAgentsError } from "../../../src/index.ts";
import { manualClock } from "../../../src/testing/index.ts";
import { errno } from "../../vfs/home.ts";
import { EVIL_PROGRAM, isAlive, mounted, OLD_PROGRAM, program, SECRET, until } from "./fixture.ts";

void test("a program that is a server has its tools as files, which are read and asked", async () => {
  await using s = mounted(program({ allow: ["echo", "sum", "fail", "picture"] }));
  assert.deepEqual(await s.names(), ["tools.json", "echo", "fail", "picture", "sum"]);
  assert.deepEqual((await s.files.list("/", { limit: 2 })).items.length, 2);
  const stat = await s.files.stat("/echo");
  assert.deepEqual([stat.kind, stat.access, stat.nature], ["file", "rw", "exchange"]);
  const echo = JSON.parse(await s.read("/echo")) as Record<string, unknown>;
  assert.equal(echo["name"], "echo");
  assert.equal(echo["description"], "Says what it is told");
  assert.deepEqual(echo["annotations"], { readOnlyHint: true });
  assert.deepEqual((echo["inputSchema"] as { required: unknown }).required, ["text"]);
  const all = JSON.parse(await s.read("/tools.json")) as { name: string }[];
  assert.deepEqual(
    all.find(({ name }) => name === "echo"),
    echo,
  );
  assert.equal(all.length, 4);

  assert.equal(await s.call("echo", { text: "hello" }), "hello");
  assert.equal(await s.call("sum", { a: 1, b: 2 }), '{"sum":3}');
  const picture = [{ type: "image", data: "AAAA", mimeType: "image/png" }];
  assert.deepEqual(JSON.parse(await s.call("picture")), picture);

  await assert.rejects(s.call("fail"), errno("EREMOTEIO", /"\/fail": the disk is full$/));
  await assert.rejects(s.call("echo", { text: 5 }), errno("EREMOTEIO", /expected string/));
  await assert.rejects(s.call("none"), errno("ENOENT"));
  await assert.rejects(s.call("env"), errno("ENOENT"));
  await assert.rejects(s.files.stat("/env"), errno("ENOENT"));
  await assert.rejects(s.call("echo", [1]), errno("EINVAL", /must be an object/));
  const asked = s.files.exchange!("/echo", new TextEncoder().encode("{oh"));
  await assert.rejects(asked, errno("EINVAL", /is no JSON/));
  await assert.rejects(s.files.write("/echo", new Uint8Array(1)), errno("EACCES"));
  await assert.rejects(s.files.write("/new", new Uint8Array(1)), errno("EACCES"));
  await assert.rejects(s.files.remove("/echo"), errno("EACCES"));
});

void test("a program has no more of the environment than is named, and no secret of it is told", async () => {
  process.env["OPENAGENTS_TEST_OF_MCP"] = "must not be seen";
  await using s = mounted(program({ env: { TOKEN: { secret: "TOKEN" }, PLAIN: "plain" } }));
  const env = JSON.parse(await s.call("env")) as Record<string, string>;
  delete env["HOME"];
  assert.deepEqual(Object.keys(env).toSorted(), ["PATH", "PLAIN", "TOKEN"]);
  assert.equal(env["TOKEN"], "[secret TOKEN]");
  assert.ok(!(await s.call("echo", { text: SECRET })).includes(SECRET));
  await s.call("shout");
  await until("told of its errors", () => s.logged.some((line) => /left out|line 9\d/.test(line)));
  assert.ok(s.logged.some((line) => /"s" says: my token is \[secret TOKEN\]/.test(line)));
  assert.ok(s.logged.every((line) => line.length < 1100 && !line.includes(SECRET)));
  assert.ok(s.logged.length <= 100, `${s.logged.length} lines`);
});

void test("a secret that is not there says so, and nothing is started", async () => {
  await using s = mounted(program({ env: { TOKEN: { secret: "OTHER" } } }));
  await assert.rejects(s.call("env"), errno("EHOSTUNREACH", /secret "OTHER": there is none/));
});

void test("while the keys are locked whoever needs a secret is told that, and nothing else is wrong", async () => {
  let isLocked = true;
  const secret = (): string => {
    if (isLocked) throw new OpenAgentsError("LOCKED", "The keys are locked");
    return SECRET;
  };
  await using s = mounted(program({ env: { TOKEN: { secret: "TOKEN" } } }), { secret });
  for (let i = 0; i < 3; i += 1) await assert.rejects(s.call("env"), { code: "LOCKED" });
  isLocked = false;
  assert.match(await s.call("env"), /"TOKEN":"\[secret TOKEN\]"/);
  assert.deepEqual(s.logged, []);
});

void test("a program that dies in the middle fails the call, and the next call has a new one", async () => {
  await using s = mounted(program());
  const first = await s.call("pid");
  const calls = [s.call("stall"), s.call("crash")];
  for (const call of calls) await assert.rejects(call, errno("EIO", /it may have been done/));
  assert.notEqual(await s.call("pid"), first);
  const second = Number(await s.call("pid"));
  process.kill(second, "SIGKILL");
  await until("dead", () => !isAlive(second));
  await until(
    "known to be dead",
    () => s.logged.filter((line) => /is lost/.test(line)).length === 2,
  );
  assert.equal(await s.call("echo", { text: "again" }), "again");
});

void test("a program that does not start is left alone for longer and longer", async () => {
  const clock = manualClock(0);
  await using s = mounted({ command: "/nowhere/at/all" }, { clock });
  const refused = (message: RegExp): Promise<void> =>
    assert.rejects(s.call("echo"), errno("EHOSTUNREACH", message));
  await refused(/cannot be reached: "\/nowhere\/at\/all" does not start: .*ENOENT/);
  await refused(/cannot be reached/);
  await refused(/tried again in 1 s/);
  await clock.advance(1000);
  await refused(/cannot be reached/);
  await refused(/tried again in 2 s/);
  assert.equal(s.logged.length, 3);
  for (let i = 0; i < 10; i += 1) {
    await clock.advance(100_000);
    await refused(/cannot be reached/);
  }
  await refused(/tried again in 60 s/);
});

void test("results are bounded, also those that a program sends without end", async () => {
  await using s = mounted(program(), { valueBytes: 1000 });
  assert.equal((await s.call("big", { bytes: 1000 })).length, 1000);
  await assert.rejects(
    s.call("big", { bytes: 1001 }),
    errno("EFBIG", /limits\.valueBytes \(1000\)/),
  );
  const large = s.call("big", { bytes: 50_000_000 });
  await assert.rejects(large, errno("EFBIG", /"\/big": .* above 67536 bytes/));
  assert.equal(await s.call("echo", { text: "still there" }), "still there");
});

void test("what a server has new is there at once", async () => {
  await using s = mounted(program());
  await assert.rejects(s.call("grown"), errno("ENOENT"));
  const before = await s.names();
  assert.equal(await s.call("grow"), "grown");
  await until("grown", async () => (await s.names()).length === before.length + 1);
  assert.equal(await s.call("grown"), "I am new");
});

void test("a program that nobody uses is let go, and is there again when it is needed", async () => {
  const clock = manualClock(0);
  await using s = mounted(program({ idle: "1m" }), { clock });
  const pid = Number(await s.call("pid"));
  await clock.advance(59_000);
  assert.equal(Number(await s.call("pid")), pid);
  const stall = new AbortController();
  const stalled = s.call("stall", {}, { signal: stall.signal });
  await clock.advance(600_000);
  assert.ok(isAlive(pid), "it is in use");
  stall.abort();
  await assert.rejects(stalled, errno("EINTR"));
  await clock.advance(60_000);
  await until("let go", () => !isAlive(pid));
  assert.notEqual(Number(await s.call("pid")), pid);
  assert.deepEqual(s.logged, []);
});

void test("a call that takes too long, and one whose caller leaves, end; the program stays", async () => {
  await using s = mounted(program({ timeout: "300ms" }));
  const pid = await s.call("pid");
  await assert.rejects(s.call("stall"), errno("ETIMEDOUT", /took too long/));
  await assert.rejects(s.call("stall", {}, { signal: AbortSignal.abort() }), errno("EINTR"));
  assert.equal(await s.call("pid"), pid);
});

void test("a program of before 2026 is spoken to, and ends with all it started when it is let go", async () => {
  const s = mounted({ command: process.execPath, args: [OLD_PROGRAM] });
  assert.deepEqual(await s.names(), ["tools.json", "child"]);
  const pids = JSON.parse(await s.call("child")) as number[];
  assert.deepEqual(pids.map(isAlive), [true, true]);
  await s.close();
  await until("ended", () => !pids.some(isAlive));
  assert.ok(s.logged.some((line) => /says: Welcome to the old server/.test(line)));
  await assert.rejects(s.call("child"), errno("EHOSTUNREACH", /the home is stopping/));
});

// To look for its patterns would take longer than anybody waits.
void test("what a program says its results are like costs nothing", async () => {
  await using s = mounted({ command: process.execPath, args: [EVIL_PROGRAM] });
  assert.equal(await s.call("slow"), JSON.stringify({ s: `${"a".repeat(40)}!` }));
});

void test("a program that asks for ever and reads no answer is ended", async () => {
  await using s = mounted({ command: process.execPath, args: [EVIL_PROGRAM], timeout: "10s" });
  await assert.rejects(s.call("flood"), errno("EIO", /asks, and does not read answers/));
});
