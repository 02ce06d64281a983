import assert from "node:assert/strict";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { test } from "node:test";
import { shellQuote } from "../../src/cli/shell-quote.ts";
import type { FileStat } from "../../src/core/ports/index.ts";
import { CONFIG, PACKAGE, project } from "./project.ts";
import type { Ended, Project } from "./project.ts";
import { running, runningAgentctl } from "./running.ts";

/** What a command printed. @throws when it failed */
async function said(ended: Promise<Ended>): Promise<string> {
  const { code, stdout, stderr } = await ended;
  assert.equal(code, 0, stderr);
  return stdout;
}

async function json<T>(ended: Promise<Ended>): Promise<T> {
  return JSON.parse(await said(ended)) as T;
}

function fs(p: Project, ...args: string[]): Promise<Ended> {
  return p.agentctl("fs", ...args);
}

async function fails(ended: Promise<Ended>, code: number, message: RegExp): Promise<void> {
  const { code: was, stderr, stdout } = await ended;
  assert.equal(was, code, stderr);
  assert.match(stderr, message);
  assert.equal(stdout, "");
}

void test("agentctl fs lists agents and their files, by each kind of path", async () => {
  await using p = project();
  await p.start();
  const { id } = await json<{ readonly id: string }>(p.agentctl("info", "greeter", "--json"));
  assert.deepEqual((await said(fs(p, "ls"))).split("\n").sort(), ["", "greeter", `${id}/`]);
  const own = await said(fs(p, "ls", "greeter"));
  assert.ok(own.includes("goals/\n") && own.includes("status\n"), own);
  for (const path of ["/agents/greeter", "greeter:", "greeter:/", `/agents/${id}/`, `${id}:`]) {
    assert.equal(await said(fs(p, "ls", path)), own, path);
  }
  assert.match(await said(fs(p, "ls", "-l", "/agents")), /^dr[w-] .* npub1\w+\/$/m);
  assert.match(
    await said(fs(p, "ls", "-l", "/agents")),
    new RegExp(`^lr- .* greeter -> ${id}$`, "m"),
  );
  assert.match(await said(fs(p, "ls", "-l", "greeter:state")), /^-rw +\d+ .*greeter:state$/m);
  const items = await json<readonly FileStat[]>(fs(p, "ls", "greeter:", "--json"));
  assert.ok(items.some(({ name, kind }) => name === "inbox" && kind === "directory"));
  const rows = (await said(fs(p, "ls", "greeter:", "--ndjson"))).trimEnd().split("\n");
  assert.deepEqual(
    rows.map((row) => JSON.parse(row) as unknown),
    items,
  );
  assert.equal((await json<FileStat>(fs(p, "stat", "/agents/greeter", "--json"))).target, id);
  assert.match(await said(fs(p, "stat", "greeter:state")), /^kind +file\naccess +rw\nsize +\d+$/m);
});

void test("agentctl fs says what is wrong with a path as it was typed, and exits by it", async () => {
  await using p = project();
  await p.start();
  const none =
    'there is no such file or directory\nSee what there is with "agentctl fs ls greeter:"';
  await fails(fs(p, "cat", "greeter:nope"), 3, new RegExp(`Cannot find "greeter:nope": ${none}`));
  await fails(fs(p, "ls", "greter"), 3, /Did you mean greeter\?/);
  await fails(fs(p, "ls", "greter:goals"), 3, /Did you mean greeter\?/);
  await fails(fs(p, "cat", "greeter:goals"), 1, /"greeter:goals": it is a directory/);
  await fails(fs(p, "write", "greeter:status", "x"), 4, /Cannot \w+ "greeter:status"/);
  for (const path of ["a/b", "", "greeter:../x", "greeter:a/../../b", "greeter:a\u0001"]) {
    await fails(fs(p, "ls", path), 2, /Cannot use/);
  }
  await fails(fs(p, "write", "greeter:goals/x", "--new", "--if-match", "y", "z"), 2, /together/);
  await fails(fs(p, "write", "greeter:goals/x"), 2, /stdin is empty/);
  await fails(fs(p, "ls", "--url", "http://127.0.0.1:1", "--token", "x"), 5, /Cannot reach/);
  // What can be done with the others is done.
  const { code, stdout, stderr } = await fs(p, "cat", "greeter:no", "greeter:identity/npub", "x:y");
  assert.deepEqual([code, stdout.slice(0, 5)], [3, "npub1"]);
  assert.match(stderr, /"greeter:no"[^]*agent "x"/);
});

void test("agentctl fs write puts bytes as they are, under its conditions", async () => {
  await using p = project();
  await p.start();
  const path = "greeter:memory/kv/k";
  const content = async (): Promise<string> => said(fs(p, "cat", path));
  assert.equal(await said(fs(p, "write", path, "a\n b")), "");
  assert.equal(await content(), "a\n b");
  await said(fs(p, "write", path, "--append", "c"));
  assert.equal(await content(), "a\n bc");
  await said(p.run(["fs", "write", path], { stdin: "from stdin\n" }));
  assert.equal(await content(), "from stdin\n");
  await said(p.run(["fs", "write", path, "-"], { stdin: "" }));
  assert.equal(await content(), "");
  await fails(fs(p, "write", path, "--new", "x"), 1, /it is there/);
  await said(fs(p, "write", "greeter:memory/kv/new", "--new", "x"));
  const { revision = "" } = await json<FileStat>(fs(p, "stat", path, "--json"));
  await said(fs(p, "write", path, "--if-match", revision, "mine"));
  await fails(fs(p, "write", path, "--if-match", revision, "late"), 1, /at revision/);
  assert.equal(await content(), "mine");
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i % 256);
  writeFileSync(join(p.dir, "binary"), bytes);
  await said(fs(p, "write", "greeter:memory/files/b", "--file", "binary"));
  await said(fs(p, "cp", "greeter:memory/files/b", "back"));
  assert.deepEqual(new Uint8Array(readFileSync(join(p.dir, "back"))), bytes);
  const document = await json<{ base64: string }>(fs(p, "cat", "greeter:memory/files/b", "--json"));
  assert.deepEqual(new Uint8Array(Buffer.from(document.base64, "base64")), bytes);
});

void test("agentctl fs write delivers mail, sets goals and has the key sign", async () => {
  await using p = project();
  await p.start();
  const place = await said(fs(p, "write", "greeter:inbox", "Ada"));
  assert.match(place, /^\/agents\/greeter\/inbox\/\S+\n$/);
  await said(fs(p, "write", "greeter:goals/7", "Greet all"));
  const goals = await json<readonly { id: string; title: string }[]>(
    p.agentctl("goals", "greeter", "--json"),
  );
  assert.deepEqual(
    goals.map(({ id, title }) => [id, title]),
    [["7", "Greet all"]],
  );
  const hash = "ab".repeat(32);
  const signature = (await said(fs(p, "write", "greeter:identity/sign", hash))).trim();
  assert.match(signature, /^[0-9a-f]{128}$/);
  const key = (await said(fs(p, "cat", "greeter:identity/pubkey"))).trim();
  const verify = (sign: string): Promise<string> =>
    said(fs(p, "write", "greeter:identity/verify", `${key} ${hash} ${sign}`));
  assert.equal((await verify(signature)).trim(), "true");
  assert.equal((await verify("0".repeat(128))).trim(), "false");
  const { text } = await json<{ text: string }>(
    fs(p, "write", "greeter:identity/sign", hash, "--json"),
  );
  assert.match(text, /^[0-9a-f]{128}\n$/);
  await fails(fs(p, "write", "greeter:identity/sign", "--append", hash), 2, /answers/);
});

void test("agentctl fs cp, mv and rm keep trees as they are", async () => {
  await using p = project();
  await p.start();
  const from = join(p.dir, "from");
  mkdirSync(join(from, "sub/deep"), { recursive: true });
  mkdirSync(join(from, "empty"));
  for (const name of ["a.txt", "sub/ü b", "sub/deep/c"]) writeFileSync(join(from, name), name);
  symlinkSync("/etc/passwd", join(from, "link"));
  await fails(fs(p, "cp", "from", "greeter:memory/files/t"), 2, /add -r/);
  const { stderr } = await fs(p, "cp", "-r", "from", "greeter:memory/files/t");
  assert.match(stderr, /Left out from\/link: it is a link\nCopied 3 files/);
  await said(fs(p, "cp", "-r", "from/sub", "greeter:memory/files/t/"));
  await said(fs(p, "cp", "-r", "greeter:memory/files/t", "greeter:memory/files/u"));
  await said(fs(p, "cp", "-r", "greeter:memory/files/u", "to"));
  const tree = (dir: string): string[] =>
    readdirSync(join(p.dir, dir), { recursive: true }).map(String).sort();
  assert.deepEqual(
    tree("to"),
    tree("from").filter((name) => name !== "link"),
  );
  assert.equal(readFileSync(join(p.dir, "to/sub/ü b"), "utf8"), "sub/ü b");
  await fails(fs(p, "cp", "-r", "greeter:memory/files/t", "greeter:memory/files/t/x"), 2, /itself/);
  await fails(fs(p, "cp", "from/a.txt", "to/a.txt"), 2, /from this machine to this machine/);
  await fails(fs(p, "cp", "none", "greeter:memory/files/x"), 3, /"none": there is no such file/);
  // To a pipe, from one, into a directory, and what has no name of its own.
  assert.equal(await said(fs(p, "cp", "greeter:memory/files/t/a.txt", "-")), "a.txt");
  await said(p.run(["fs", "cp", "-", "greeter:memory/files/piped"], { stdin: "piped" }));
  assert.equal(await said(fs(p, "cat", "greeter:memory/files/piped")), "piped");
  await fails(
    p.run(["fs", "cp", "-", "greeter:memory/files/"], { stdin: "x" }),
    2,
    /name the file/,
  );
  await said(fs(p, "mv", "greeter:memory/files/piped", "greeter:memory/files/t"));
  assert.equal(await said(fs(p, "cat", "greeter:memory/files/t/piped")), "piped");
  await fails(fs(p, "cat", "greeter:memory/files/piped"), 3, /no such file/);
  await fails(
    fs(p, "rm", "greeter:memory/files/t"),
    1,
    /agentctl fs rm -r greeter:memory\/files\/t/,
  );
  await said(fs(p, "rm", "-r", "greeter:memory/files/t", "greeter:memory/files/u"));
  assert.equal(await said(fs(p, "ls", "greeter:memory/files")), "");
  await fails(fs(p, "rm", "-r", "greeter"), 2, /agentctl delete/);
  await said(fs(p, "mkdir", "greeter:memory/files/d"));
  assert.equal(await said(fs(p, "ls", "greeter:memory/files")), "d/\n");
  // All of an agent that can be read.
  const all = await fs(p, "cp", "-r", "greeter:", "agent/");
  assert.equal(all.code, 0, all.stderr);
  assert.match(all.stderr, /Left out greeter:logs\/trace: it is a stream/);
  assert.ok(existsSync(join(p.dir, "agent/greeter/logs/checkpoint")));
});

void test("agentctl fs cp leaves no half file behind when it fails, and none through a pipe", async () => {
  await using p = project();
  const daemon = await p.start();
  writeFileSync(join(p.dir, "large"), Buffer.alloc(3_000_000, "x"));
  await fails(fs(p, "cp", "large", "greeter:memory/kv/large"), 1, /Cannot/);
  assert.equal(await said(fs(p, "ls", "greeter:memory/kv")), "");
  writeFileSync(join(p.dir, "mine"), "mine");
  await fails(fs(p, "cp", "greeter:memory/none", "mine"), 3, /no such file/);
  assert.equal(readFileSync(join(p.dir, "mine"), "utf8"), "mine");
  spawnSync("mkfifo", [join(p.dir, "pipe")]);
  await using cat = running("cat", ["pipe"], p.dir);
  await said(fs(p, "cp", "greeter:identity/npub", "pipe"));
  await cat.ended;
  assert.match(cat.out(), /^npub1/);
  assert.ok(statSync(join(p.dir, "pipe")).isFIFO());
  await daemon.end();
});

void test(
  "agentctl fs cat prints what cannot steer a terminal, and bytes as they are elsewhere",
  {
    skip: spawnSync("script", ["--version"]).error !== undefined && "script is not installed here",
  },
  async () => {
    await using p = project();
    await p.start();
    const content = "a\u001b[2Jb\u0007\r\n";
    await said(p.run(["fs", "write", "greeter:memory/kv/k"], { stdin: content }));
    assert.equal(await said(fs(p, "cat", "greeter:memory/kv/k")), content);
    const words = [process.execPath, join(PACKAGE, "bin/agentctl.js"), "fs", "cat"];
    const line = [...words, "greeter:memory/kv/k"].map(shellQuote).join(" ");
    await using terminal = running("script", ["-qec", line, "/dev/null"], p.dir);
    assert.equal(await terminal.ended, 0);
    assert.equal(terminal.out(), "ab\uFFFD\r\n");
  },
);

void test("agentctl fs cat ends with whoever reads it", async () => {
  await using p = project();
  await p.start();
  await said(p.run(["fs", "write", "greeter:memory/files/f"], { stdin: "line\n".repeat(200_000) }));
  const words = [process.execPath, join(PACKAGE, "bin/agentctl.js"), "fs", "cat"];
  const cat = [...words, "greeter:memory/files/f"].map(shellQuote).join(" ");
  await using pipe = running("sh", ["-c", `{ ${cat}; echo $? >&2; } | head -n 1`], p.dir);
  assert.equal(await pipe.ended, 0);
  assert.deepEqual([pipe.out(), pipe.talked()], ["line\n", "0\n"]);
});

void test("agentctl fs tail prints the last lines, and goes on after agentd was killed", async () => {
  await using p = project();
  let daemon = await p.start();
  await said(fs(p, "write", "greeter:memory/files/log", "1\n2\n3\n4"));
  const log = "greeter:memory/files/log";
  assert.equal(await said(fs(p, "tail", "-n", "2", log)), "3\n4");
  assert.equal(await said(fs(p, "tail", log)), "1\n2\n3\n4");
  assert.equal(await said(fs(p, "tail", "-n", "0", log)), "");
  await fails(fs(p, "tail", "-n", "x", log), 2, /--lines/);
  await using tail = runningAgentctl(p, "fs", "tail", "-f", "-n", "1", log);
  await using events = runningAgentctl(p, "fs", "tail", "-f", "greeter:outbox/events", "--json");
  await using cat = runningAgentctl(p, "fs", "cat", "greeter:logs/trace");
  await tail.until(() => tail.out() === "4");
  await said(fs(p, "write", "--append", log, "\n5\n"));
  await tail.until(() => tail.out() === "4\n5\n");
  const greet = async (name: string): Promise<boolean> => {
    await said(p.agentctl("send", "greeter", name, "--wait"));
    return events.out().includes(`Hello ${name}`);
  };
  // Nobody says when a stream has begun to be followed.
  while (!(await greet("Ada")));
  await cat.until(() => cat.out().includes("\n"));
  await daemon.end("SIGKILL");
  assert.equal(await cat.ended, 5);
  for (const one of [tail, events]) await one.until(() => one.talked().includes("Waiting for it"));
  daemon = await p.start();
  await said(fs(p, "write", "--append", log, "6\n"));
  await tail.until(() => tail.out() === "4\n5\n6\n");
  while (!(await greet("Bob")));
  for (const line of events.out().trimEnd().split("\n")) {
    const { line: inner } = JSON.parse(line) as { readonly line: string };
    assert.ok("event" in (JSON.parse(inner) as object));
  }
  await daemon.end();
});

void test("agentctl fs cp moves long files in parts through directories that agentd --host-dir opens", async () => {
  const mounts = '[{ path: "/fs/desk", kind: "host", source: "desk", access: "read-write" }]';
  await using p = project(
    CONFIG.replace('{ name: "quiet" }', `{ name: "quiet", mounts: ${mounts} }`),
  );
  const [desk, large] = [join(p.dir, "open/desk"), join(p.dir, "large")];
  mkdirSync(desk, { recursive: true });
  let daemon = await p.start();
  await said(p.agentctl("create", "worker", "--type", "quiet"));
  writeFileSync(large, randomBytes(20_000_001));
  await fails(fs(p, "cp", "large", "worker:fs/desk/x"), 4, /Cannot/);
  await daemon.end();
  daemon = await p.start({ args: ["--host-dir", "open"] });
  const same = (a: string, b: string): boolean => readFileSync(a).equals(readFileSync(b));
  await said(fs(p, "cp", "large", "worker:fs/desk/x"));
  assert.ok(same(large, join(desk, "x")));
  await said(fs(p, "cp", "worker:fs/desk/x", "back"));
  assert.ok(same(large, join(p.dir, "back")));
  writeFileSync(large, randomBytes(12_000_001));
  await said(fs(p, "cp", "large", "worker:fs/desk/x"));
  assert.ok(same(large, join(desk, "x")));
  await said(fs(p, "cp", "worker:fs/desk/x", "worker:fs/desk/y"));
  assert.ok(same(large, join(desk, "y")));
  assert.deepEqual(readdirSync(desk).sort(), ["x", "y"]);
  await daemon.end();
  const { code, stderr } = await p.agentd(["--host-dir", "none"]);
  assert.equal(code, 2);
  assert.match(stderr, /"--host-dir none" is no directory/);
});
