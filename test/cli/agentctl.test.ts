import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import type { Check } from "../../src/cli/commands/doctor.ts";
import { PACKAGE, linkPackage, project } from "./project.ts";
import type { Ended } from "./project.ts";

function ok({ code, stdout, stderr }: Ended): string {
  assert.equal(code, 0, stderr);
  return stdout;
}

function fails({ code, stdout, stderr }: Ended, expected: number, message: RegExp): void {
  assert.equal(code, expected, stderr);
  assert.equal(stdout, "");
  assert.match(stderr, message);
}

const json = (ended: Ended): Record<string, unknown> =>
  JSON.parse(ok(ended)) as Record<string, unknown>;

void test("agentctl walks an agent through its life", async () => {
  await using p = project();
  await p.start();
  const { agentctl } = p;
  const id = ok(await agentctl("create", "bob", "--type", "greeter")).trim();
  assert.match(id, /^npub1/);
  assert.match(ok(await agentctl("list")), new RegExp(`^NAME[^]*\nbob +greeter +\\w+ +${id}\n`));
  assert.equal(json(await agentctl("info", "bob", "--json"))["id"], id);
  assert.match(ok(await agentctl("info", "bob")), new RegExp(`^id +${id}$`, "m"));
  assert.deepEqual(json(await agentctl("info", "--json"))["types"], ["greeter", "quiet"]);
  assert.equal(ok(await agentctl("send", "bob", "Ada", "--wait")), "Hello Ada, you are number 1\n");
  assert.match(ok(await agentctl("send", "bob", "Eve")), /^\S{8,}\n$/);
  for (const verb of ["tick", "wake", "hibernate"]) {
    assert.match(ok(await agentctl(verb, "bob")), /^tick \d+: done in \d+ ms\n$/);
    assert.equal(json(await agentctl(verb, "bob", "--json"))["outcome"], "done");
  }
  assert.equal(json(await agentctl("status", "bob", "--json"))["ticks"], 9);
  assert.match(ok(await agentctl("status", "bob")), /^ticks +9$/m);
  assert.deepEqual(json(await agentctl("state", "bob")), { greeted: 2 });
  assert.match(ok(await agentctl("ticks", "bob", "--limit", "3")), /^N [^]*\n9 .*done\n$/);
  assert.match(ok(await agentctl("inbox", "bob", "--json")), /^\[\]\n$/);
  assert.match(
    ok(await agentctl("trajectory", "bob", "--verify")),
    /^intact: 9 records, head \w{64}/,
  );
  assert.equal(
    ok(await agentctl("trajectory", "bob"))
      .trim()
      .split("\n").length,
    9,
  );
  ok(await agentctl("delete", "bob"));
  fails(await agentctl("status", "bob"), 3, /There is no agent "bob"[^]*agentctl list/);
  fails(await agentctl("send", id, "x"), 1, /terminated/);
  assert.deepEqual(json(await agentctl("delete", id, "--purge", "--json"))["purged"], true);
  fails(await agentctl("info", id), 3, /There is no agent/);
});

void test("agentctl send reads stdin, takes JSON, and is idempotent by id", async () => {
  await using p = project();
  await p.start();
  const stdin = await p.run(["send", "greeter", "-", "--wait"], { stdin: "from stdin\n" });
  assert.equal(ok(stdin), "Hello from stdin, you are number 1\n");
  const once = ["send", "greeter", '{"text":"J"}', "--payload", "--id", "once", "--wait", "10s"];
  assert.equal(ok(await p.agentctl(...once)), "Hello J, you are number 2\n");
  assert.equal(ok(await p.agentctl(...once)), "Hello J, you are number 2\n");
  assert.equal(json(await p.agentctl(...once, "--json"))["receipt"], "duplicate");
  fails(await p.agentctl("send", "greeter", "{", "--payload"), 2, /Cannot read --payload/);
  fails(await p.agentctl("send", "greeter", "x", "--wait", "5x"), 2, /Cannot use --wait "5x"/);
  fails(await p.agentctl("send", "greeter", "x", "--priority", "high"), 2, /--priority "high".*99/);
  fails(await p.agentctl("send", "greeter", "x", "--priority", "100"), 2, /from -100 to 99/);
  fails(await p.agentctl("ticks", "greeter", "--limit", "abc"), 2, /--limit "abc".*from 1 to 1000/);
  fails(await p.agentctl("logs", "greeter", "--limit", "0"), 2, /--limit "0"/);
  const silent = await p.agentctl("create", "q", "--type", "quiet");
  ok(silent);
  const dead = await p.agentctl("send", "q", "x", "--wait");
  assert.equal(dead.code, 1, "it takes no messages");
});

void test("agentctl resolve says who has a name, and peers whom an agent knows", async () => {
  await using p = project(`
    import { defineAgent, defineRuntime } from "@openagents/runtime";
    const pen = defineAgent({
      name: "pen",
      async onMessage(ctx, message) {
        if (message.source !== "agent") await ctx.send(message.text, "hello");
        else await ctx.memory.peers.note(message.from, { name: "Al", note: "writes" });
      },
    });
    const ensure = ["al", "bo"].map((name) => ({ name, type: "pen" }));
    export default defineRuntime({ agents: [pen], ensure });
  `);
  await p.start();
  const al = ok(await p.agentctl("resolve", "al")).trim();
  const { publicKey } = json(await p.agentctl("info", "al", "--json"));
  const asJson = json(await p.agentctl("resolve", String(publicKey), "--json"));
  assert.deepEqual(asJson, { npub: al, publicKey });
  fails(await p.agentctl("resolve", "nobody"), 3, /There is no agent "nobody"/);
  fails(await p.agentctl("resolve", "x@nowhere"), 1, /Cannot resolve identifier/);
  assert.equal((await p.agentctl("peers", "bo")).stderr, "None.\n");
  ok(await p.agentctl("send", "al", "bo", "--wait"));
  let peers: { npub: string }[] = [];
  while (peers.length === 0) peers = JSON.parse(ok(await p.agentctl("peers", "bo", "--json")));
  assert.deepEqual([peers[0]?.npub, peers.length], [al, 1]);
  assert.match(
    ok(await p.agentctl("peers", "bo")),
    new RegExp(`^${al} +Al +unknown .*writes$`, "m"),
  );
});

void test("agentctl deadletter lists, replays and discards what failed", async () => {
  await using p = project();
  await p.start();
  const failed = await p.agentctl("send", "greeter", "fail", "--id", "f", "--wait");
  fails(failed, 1, /greeter failed: FAILED: told to.*agentctl deadletter list greeter/);
  const { stdout, stderr } = await p.agentctl("deadletter", "list", "greeter");
  assert.match(stdout, /^f .*message +operator +\d+ +.*told to/m);
  assert.match(stderr, /agentctl deadletter replay greeter ID/);
  ok(await p.agentctl("deadletter", "replay", "greeter", "f"));
  let rows: unknown[] = [];
  while (rows.length === 0) {
    rows = JSON.parse(ok(await p.agentctl("deadletter", "list", "greeter", "--json"))) as unknown[];
  }
  ok(await p.agentctl("deadletter", "discard", "greeter", "f"));
  fails(await p.agentctl("deadletter", "discard", "greeter", "f"), 3, /f/);
  assert.match(ok(await p.agentctl("logs", "greeter")), /#\d+ failed FAILED: told to/);
});

void test("agentctl trajectory --verify names the record that was changed", async () => {
  await using p = project();
  const daemon = await p.start();
  for (const who of ["Ada", "Bob", "Eve"]) ok(await p.agentctl("send", "greeter", who, "--wait"));
  await daemon.end();
  const db = new DatabaseSync(join(p.data, "agents.db"));
  db.exec("UPDATE log SET record = replace(record, '\"done\"', '\"gone\"') WHERE n = 3");
  db.close();
  const again = await p.start();
  const broken = await p.agentctl("trajectory", "greeter", "--verify");
  assert.equal(broken.code, 1);
  assert.match(broken.stdout, /^broken: record 3 is wrong: .+\n$/);
  const { code, stdout } = await p.agentctl("trajectory", "greeter", "--verify", "--json");
  assert.equal(code, 1);
  assert.equal((JSON.parse(stdout) as { wrong: number }).wrong, 3);
  await again.end();
  const files = new DatabaseSync(join(p.data, "agents.db"));
  files.exec("UPDATE log SET record = replace(record, '\"gone\"', '\"done\"') WHERE n = 3");
  files.exec("UPDATE tree SET value = '77' WHERE path LIKE 'state/%'");
  files.close();
  await p.start();
  const file = await p.agentctl("trajectory", "greeter", "--verify");
  assert.equal(file.code, 1);
  assert.match(file.stdout, /^broken: record 4 is wrong: .*state\/greeted/);
});

void test("agentctl logs --follow goes on over a restart without a gap or a double", async () => {
  await using p = project();
  let daemon = await p.start();
  ok(await p.agentctl("send", "greeter", "0", "--wait"));
  const args = [join(PACKAGE, "bin/agentctl.js"), "logs", "greeter", "--follow", "--json"];
  const follower = spawn(process.execPath, args, {
    cwd: p.dir,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(follower, "exit").then(([code]) => {
    throw new Error(`It ended with ${String(code)}`);
  });
  const seen: string[] = [];
  const lines = createInterface(follower.stdout);
  const until = (text: string): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (seen.includes(text)) resolve();
      };
      lines.on("line", check);
      check();
    });
  lines.on("line", (line) => {
    const { level, data } = JSON.parse(line) as { level: string; data?: { who: string } };
    if (level === "info") seen.push(data?.who ?? "");
  });
  try {
    ok(await p.agentctl("send", "greeter", "1", "--wait"));
    await Promise.race([until("1"), ended]);
    await daemon.end();
    daemon = await p.start();
    for (const who of ["2", "3"]) ok(await p.agentctl("send", "greeter", who, "--wait"));
    await Promise.race([until("3"), ended]);
  } finally {
    ended.catch(() => undefined);
    follower.kill();
  }
  assert.deepEqual(seen, ["0", "1", "2", "3"]);
});

void test("agentctl exits 2 for wrong usage, 4 for no right, 5 for no agentd", async () => {
  await using p = project();
  fails(
    await p.agentctl("list"),
    5,
    /(not running on|is no data directory).*start one with "agentd"/,
  );
  for (const args of [["nope"], ["send", "x"], ["create", "x"], ["list", "--nope"]]) {
    assert.equal((await p.agentctl(...args)).code, 2, args.join(" "));
  }
  assert.equal((await p.agentctl("--help")).code, 0);
  assert.match(ok(await p.agentctl("--version")), /^\d+\.\d+\.\d+\n$/);
  const daemon = await p.start();
  fails(
    await p.agentctl("list", "--token", "wrong"),
    4,
    /the token is wrong\nGive the token of its data directory with --data DIR/,
  );
  const env = { OPENAGENTS_TOKEN: "wrong" };
  assert.equal((await p.run(["list"], { env })).code, 4);
  const elsewhere = { OPENAGENTS_URL: daemon.url, OPENAGENTS_HOME: "/nowhere" };
  fails(await p.run(["list"], { env: elsewhere }), 4, /Cannot find the token/);
  ok(await p.run(["list", "--data", p.data], { env: elsewhere }));
  fails(await p.agentctl("create", "a/b", "--type", "greeter"), 1, /Cannot name an agent "a\/b"/);
  fails(await p.agentctl("create", "x", "--type", "y"), 1, /no agent type "y".*greeter, quiet/);
  fails(await p.agentctl("create", "greeter", "--type", "greeter"), 1, /greeter/);
  fails(await p.agentctl("list", "--url", "ftp://x"), 2, /"ftp:\/\/x"/);
  await daemon.end("SIGKILL");
  fails(await p.agentctl("list"), 5, /it is not running on "/);
  fails(await p.agentctl("list", "--url", daemon.url), 5, /Cannot reach agentd.*ECONNREFUSED/);
  fails(await p.agentctl("list", "--data", ""), 2, /--data: its value is empty/);
  fails(await p.agentctl("list", "--url", "http://192.0.2.1"), 4, /not on this machine.*--token/);
  const other = createServer((_request, response) => response.end("<html>")).listen(0);
  const { port } = other.address() as AddressInfo;
  const stranger = await p.agentctl("list", "--url", `http://127.0.0.1:${port}`);
  assert.equal(stranger.code, 5, stranger.stderr);
  other.close();
});

void test("agentctl takes --data before what the environment says of another agentd", async () => {
  await using p = project();
  await using q = project();
  const [here, there] = [await p.start(), await q.start()];
  const tokenOf = ({ data }: { readonly data: string }): string =>
    readFileSync(join(data, "token"), "utf8").trim();
  const env = { OPENAGENTS_URL: here.url, OPENAGENTS_TOKEN: tokenOf(p) };
  ok(await p.run(["create", "bob", "--type", "greeter"], { env }));
  const stale = { ...env, OPENAGENTS_TO_TOKEN: "wrong" };
  const { stderr, code } = await p.run(["move", "bob", "--to-data", q.data], { env: stale });
  assert.equal(code, 0, stderr);
  const hint =
    /Talk to it with: agentctl (.*) "hello" --wait\n/.exec(stderr)?.[1]?.split(" ") ?? [];
  assert.deepEqual(hint, ["--data", q.data, "send", "bob"]);
  const greeted = await p.run([...hint, "hello", "--wait"], { env });
  assert.equal(ok(greeted), "Hello hello, you are number 1\n");
  const doctor = await p.run(["doctor", "--data", q.data], { env });
  assert.ok(ok(doctor).includes(`answers at ${there.url}\n`), doctor.stdout);

  // What is said beside it counts, and a home that is in the environment is no flag.
  const wrong = ["--token", "wrong", "--data", q.data];
  fails(
    await p.run(["list", ...wrong], { env }),
    4,
    new RegExp(`${there.url}: the token is wrong`),
  );
  const mixed = ["--url", here.url, "--data", q.data];
  fails(await p.run(["list", ...mixed], { env }), 4, new RegExp(`${here.url}: the token is wrong`));
  const home = { ...env, OPENAGENTS_HOME: q.data };
  assert.equal(json(await p.run(["info", "--json"], { env: home }))["url"], here.url);
});

void test("agentctl doctor says what is wrong and what to do", async () => {
  await using p = project();
  const doctor = async (...args: string[]): Promise<[number | null, Record<string, Check>]> => {
    const { code, stdout } = await p.agentctl("doctor", "--json", ...args);
    const checks = JSON.parse(stdout) as Check[];
    return [code, Object.fromEntries(checks.map((check) => [check.name, check]))];
  };
  const [none, before] = await doctor();
  assert.equal(none, 1);
  assert.equal(before["data directory"]?.result, "warn");
  assert.equal(before["agentd"]?.result, "fail");
  const daemon = await p.start();
  const [healthy, checks] = await doctor();
  assert.equal(healthy, 0);
  assert.deepEqual(
    Object.values(checks).map(({ name, result }) => [name, result]),
    [
      ["Node version", "ok"],
      ["data directory", "ok"],
      ["master key", "ok"],
      ["token", "ok"],
      ["disk space", "ok"],
      ["agentd", "ok"],
      ["access", "ok"],
      ["runtime", "ok"],
      ["agents", "ok"],
    ],
  );
  assert.match(ok(await p.agentctl("doctor")), /^ok {4}Node version: 24/);
  chmodSync(join(p.data, "token"), 0o644);
  const [open, leaky] = await doctor();
  assert.equal(open, 1);
  assert.equal(leaky["token"]?.result, "fail");
  assert.match(leaky["token"]?.remedy ?? "", /^chmod 600 /);
  chmodSync(join(p.data, "token"), 0o600);
  const [, denied] = await doctor("--token", "wrong");
  assert.equal(denied["access"]?.result, "fail");
  await daemon.end("SIGKILL");
  const [, gone] = await doctor();
  assert.equal(gone["agentd"]?.result, "fail");
});

void test("agentctl init makes a project that runs", async () => {
  await using p = project(null);
  const { stderr } = await p.agentctl("init", "My Agents");
  const dir = join(p.dir, "My Agents");
  assert.match(stderr, /npm install\n {2}npm start/);
  const manifest = JSON.parse(readFileSync(join(dir, "package.json"), "utf8")) as {
    name: string;
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
    allowScripts: Record<string, boolean>;
  };
  assert.equal(manifest.name, "my-agents");
  assert.equal(manifest.dependencies["@openagents/runtime"], `file:${PACKAGE}`);
  const pinned = manifest.devDependencies["node"] ?? "";
  const own = JSON.parse(readFileSync(join(PACKAGE, "package.json"), "utf8")) as typeof manifest;
  assert.equal(pinned, own.devDependencies["node"]);
  assert.deepEqual(manifest.allowScripts, { [`node@${pinned}`]: true });
  assert.match(readFileSync(join(dir, ".gitignore"), "utf8"), /^\.openagents\/$/m);
  fails(await p.agentctl("init", "My Agents"), 1, /not empty/);
  writeFileSync(join(p.dir, "file"), "");
  fails(await p.agentctl("init", "file"), 4, /Cannot make project/);
  mkdirSync(join(p.dir, "empty"));
  assert.equal((await p.agentctl("init", "empty", "--json")).code, 0);

  linkPackage(dir);
  await using made = project(readFileSync(join(dir, "openagents.config.ts"), "utf8"));
  const daemon = await made.start();
  const answer = await made.agentctl("send", "greeter", "Ada", "--wait");
  assert.equal(ok(answer), "Hello Ada, you are number 1\n");
  assert.equal((await daemon.end()).code, 0);
});
