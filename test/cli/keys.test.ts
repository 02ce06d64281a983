import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import * as nip49 from "nostr-tools/nip49";
import { decodeNcryptsec } from "../../src/identity/nip49.ts";
import { decodeNpub, encodeNsec } from "../../src/identity/nip19.ts";
import { nobleSecp } from "../../src/identity/secp.ts";
import type { MailRow } from "../../src/index.ts";
import type { Check } from "../../src/cli/commands/doctor.ts";
import { PACKAGE, project } from "./project.ts";
import type { Ended, Project, RunOptions } from "./project.ts";

const PASSPHRASE = "correct horse";
const SEALED = { env: { OPENAGENTS_PASSPHRASE: PASSPHRASE } };
/** A private key that an agent brings along. */
const SECRET = new Uint8Array(32).fill(7);
const NSEC = encodeNsec(SECRET);

/** Keeps what it is told, answers whoever is no agent, and passes on `name: text`. */
const CONFIG = `
import { defineAgent, defineRuntime } from "@openagents/runtime";
const pen = defineAgent({
  name: "pen",
  state: { got: [] as string[] },
  retry: { retries: 0 },
  async onMessage(ctx, { text, from }) {
    const [, to, rest] = /^(\\w+): (.*)$/.exec(text) ?? [];
    if (to !== undefined) await ctx.send(to, rest);
    ctx.state.got.push(text);
    if (!from.startsWith("npub1")) await ctx.reply(\`got \${text}\`);
  },
  async onManual(ctx) {
    await ctx.identity.sign("ab".repeat(32));
  },
});
export default defineRuntime({
  agents: [pen],
  ensure: [{ name: "alice", type: "pen" }, { name: "bob", type: "pen" }],
});
`;

function ok({ code, stdout, stderr }: Ended): string {
  assert.equal(code, 0, stderr);
  return stdout;
}

function fails({ code, stdout, stderr }: Ended, expected: number, message: RegExp): void {
  assert.equal(code, expected, stderr);
  assert.equal(stdout, "");
  assert.match(stderr, message);
}

async function json<T = Record<string, unknown>>(p: Project, ...args: string[]): Promise<T> {
  return JSON.parse(ok(await p.agentctl(...args, "--json"))) as T;
}

async function got(p: Project, name: string): Promise<unknown> {
  return (await json(p, "state", name))["got"];
}

async function until(p: Project, name: string, count: number): Promise<void> {
  while (((await got(p, name)) as unknown[]).length < count);
}

void test("agentd with a sealed key file and no passphrase starts locked, and agentctl unlock opens it", async () => {
  await using p = project(CONFIG);
  const first = await p.start(SEALED);
  ok(await p.agentctl("send", "alice", "bob: one", "--wait"));
  await until(p, "bob", 1);
  await first.end();

  const second = await p.start();
  assert.equal((await json(p, "info"))["locked"], true);
  assert.equal(ok(await p.agentctl("send", "bob", "hello", "--wait")), "got hello\n");
  const pending = await p.agentctl("send", "alice", "bob: two", "--id", "two", "--wait", "50ms");
  assert.equal(pending.code, 1);
  assert.match(pending.stderr, /The keys are locked.*agentctl unlock/);
  fails(await p.agentctl("create", "carl", "--type", "pen"), 1, /locked.*agentctl unlock/);
  fails(await p.agentctl("tick", "bob"), 1, /Cannot tick "bob" now.*agentctl unlock/);
  fails(await p.agentctl("keys", "show"), 1, /locked/);
  fails(await p.run(["keys", "export", "bob"], { stdin: "a password\n" }), 1, /locked/);
  assert.equal((await json(p, "keys", "show", "bob"))["account"], 1);
  const checks = await json<Check[]>(p, "doctor");
  assert.equal(checks.find(({ name }) => name === "keys")?.result, "warn");
  // Killed while it is locked and at rest, and once more: what waits is blamed for nothing.
  await second.end("SIGKILL");
  const between = await p.start();
  while ((await json(p, "info"))["running"] !== 0);
  await between.end("SIGKILL");
  const third = await p.start();
  assert.deepEqual(await json(p, "deadletter", "list", "alice"), []);
  const [waiting] = await json<MailRow[]>(p, "inbox", "alice");
  assert.deepEqual([waiting?.envelope.id, waiting?.attempts], ["two", 0]);

  fails(await p.agentctl("unlock"), 2, /set OPENAGENTS_PASSPHRASE, type it at a terminal/);
  fails(await p.run(["unlock"], { stdin: "wrong\n" }), 4, /passphrase is wrong/);
  assert.equal((await json(p, "info"))["locked"], true);
  const opened = await p.run(["unlock"], { stdin: `${PASSPHRASE}\n` });
  assert.match(opened.stderr, /Opened the keys/);
  assert.deepEqual(await json(p, "unlock"), { locked: false }, "nothing is asked of it");
  await until(p, "bob", 3);
  assert.deepEqual(await got(p, "bob"), ["one", "hello", "two"]);
  assert.deepEqual(await got(p, "alice"), ["bob: one", "bob: two"]);
  const answer = ok(await p.agentctl("send", "alice", "bob: two", "--id", "two", "--wait"));
  assert.equal(answer, "got bob: two\n");
  for (const name of ["alice", "bob"]) {
    assert.deepEqual(await json(p, "deadletter", "list", name), []);
    ok(await p.agentctl("trajectory", name, "--verify"));
  }
  const { stderr } = await third.end();
  assert.match(stderr, /keys\.json" is sealed.*agentctl unlock/);
  assert.equal(stderr.match(/Agents wait for their keys/g)?.length, 1, stderr);
});

void test("the agents of a home that is locked at its first start are made when it is unlocked", async () => {
  await using old = project(CONFIG);
  await (await old.start(SEALED)).end();
  await using p = project(CONFIG);
  ok(await p.agentctl("keys", "restore", join(old.data, "keys.json")));
  await p.start();
  assert.deepEqual(await json(p, "list"), []);
  ok(await p.run(["unlock"], SEALED));
  const names = (await json<{ name: string }[]>(p, "list")).map(({ name }) => name);
  assert.deepEqual(names, ["alice", "bob"]);
});

void test("keys of other agents do not open a home", async () => {
  await using p = project(CONFIG);
  await (await p.start(SEALED)).end();
  await using other = project(CONFIG);
  await (await other.start(SEALED)).end();
  rmSync(join(p.data, "keys.json"));
  ok(await p.agentctl("keys", "restore", join(other.data, "keys.json")));
  await p.start();
  fails(await p.run(["unlock"], SEALED), 4, /made with another one.*backup/);
  assert.equal((await json(p, "info"))["locked"], true);
});

void test("agentctl keys shows public keys and where they are from", async () => {
  await using p = project(CONFIG);
  await p.start();
  const home = await json<{ npub: string; pubkey: string }>(p, "keys", "show");
  assert.equal(decodeNpub(home.npub), home.pubkey);
  const info = await json<{ npub: string; pubkey: string }>(p, "info", "bob");
  assert.equal(decodeNpub(info.npub), info.pubkey);
  const { npub, pubkey } = info;
  const shown = await json(p, "keys", "show", "bob");
  assert.deepEqual(shown, { npub, pubkey, source: "derived", account: 1 });
  assert.equal(
    ok(await p.agentctl("keys", "show", "bob")),
    `npub    ${npub}\npubkey  ${pubkey}\nkey     derived, account 1\n`,
  );
  fails(await p.agentctl("keys", "show", "nobody"), 3, /There is no agent "nobody"/);
});

void test("agentctl create --key gives an agent the key that it brings along, and keys export gives it back", async () => {
  await using p = project(CONFIG);
  const daemon = await p.start();
  const create = (name: string, key: string, options = {}): Promise<Ended> =>
    p.run(["create", name, "--type", "pen", "--key", key], options);
  const publicKey = nobleSecp.publicKey(SECRET);
  const id = ok(await create("dora", "-", { stdin: `${NSEC}\n` })).trim();
  assert.equal(decodeNpub(id), publicKey);
  assert.equal((await json(p, "keys", "show", "dora"))["source"], "imported");
  assert.match(ok(await p.agentctl("keys", "show", "dora")), /^key +imported$/m);
  ok(await p.agentctl("send", "dora", "bob: from dora", "--wait"));
  ok(await p.agentctl("send", "bob", "dora: and back", "--wait"));
  await until(p, "dora", 2);
  assert.deepEqual(await got(p, "dora"), ["bob: from dora", "and back"]);

  fails(await create("twice", "-", { stdin: NSEC }), 1, /"dora" has this key/);
  fails(await create("bad", "-", { stdin: `${NSEC}q` }), 1, /Cannot read nsec/);
  fails(await create("bad", "-", { stdin: "" }), 2, /Cannot read key/);
  fails(await create("bad", "nothing"), 1, /Cannot read key: ENOENT/);
  for (const text of [NSEC, NSEC.toUpperCase(), Buffer.from(SECRET).toString("hex")]) {
    const seen = await create("bad", text);
    fails(seen, 2, /seen by others/);
    assert.ok(!seen.stderr.includes(text.slice(5, 40)));
  }

  const password = { env: { OPENAGENTS_KEY_PASSWORD: "a password" } };
  const ncryptsec = ok(await p.run(["keys", "export", "dora"], password)).trim();
  assert.deepEqual(nip49.decrypt(ncryptsec, "a password"), SECRET);
  const [row] = ok(await p.agentctl("trajectory", "dora"))
    .trim()
    .split("\n")
    .slice(-1);
  const { record } = JSON.parse(row!) as { record: string };
  const { keys } = JSON.parse(record) as { keys: { use: string; for: string; at: number }[] };
  assert.deepEqual([keys[0]?.use, keys[0]?.for], ["export", "ncryptsec"]);
  fails(await p.agentctl("keys", "export", "dora"), 2, /OPENAGENTS_KEY_PASSWORD/);
  fails(await p.run(["keys", "export", "nobody"], password), 3, /There is no agent/);

  // To another home, by the key under its password, which is the second line of stdin.
  await daemon.end();
  await using other = project(CONFIG);
  await other.start();
  other.write("dora.key", `${ncryptsec}\n`);
  const args = ["create", "dora", "--type", "pen", "--key"];
  fails(await other.run([...args, "dora.key"], { stdin: "wrong\n" }), 4, /password is wrong/);
  fails(await other.run([...args, "dora.key"], {}), 2, /password of the key/);
  const stdin = `${ncryptsec}\na password\n`;
  assert.equal(ok(await other.run([...args, "-"], { stdin })).trim(), id);
});

void test("agentctl keys backup and restore give the same npubs on an empty machine", async () => {
  await using p = project(CONFIG);
  const daemon = await p.start();
  const npubs = async (from: Project): Promise<unknown[]> => {
    ok(await from.agentctl("create", "carl", "--type", "pen"));
    const shown = await Promise.all(
      [[], ["alice"], ["bob"], ["carl"]].map((name) => json(from, "keys", "show", ...name)),
    );
    return shown.map(({ npub }) => npub);
  };
  const here = await npubs(p);
  // Also while agentd runs; the words are all there is on stdout.
  const backup = await p.agentctl("keys", "backup");
  const words = ok(backup);
  assert.match(words, /^(\w+ ){11,23}\w+\n$/);
  assert.match(backup.stderr, /Whoever has these words/);
  assert.equal((await json(p, "keys", "backup"))["mnemonic"], words.trim());
  await daemon.end();

  fails(await p.run(["keys", "restore"], { stdin: words }), 1, /keys\.json": it is there/);
  const keyfile = join(p.data, "keys.json");
  const spread = words.replaceAll(" ", "\n").toUpperCase();
  const restores: readonly {
    readonly args: readonly string[];
    readonly options?: RunOptions;
    readonly sealed?: true;
    /** Agents are made of it, and not only the key file. */
    readonly starts?: true;
  }[] = [
    { args: ["keys", "restore"], options: { stdin: words }, starts: true },
    { args: ["keys", "restore"], options: { stdin: words, ...SEALED }, sealed: true, starts: true },
    { args: ["keys", "restore", "-"], options: { stdin: spread } },
    { args: ["keys", "restore", "-"], options: { stdin: readFileSync(keyfile, "utf8") } },
    { args: ["keys", "restore", keyfile] },
  ];
  for (const { args, options = {}, sealed = false, starts } of restores) {
    await using empty = project(CONFIG);
    const restored = await empty.run([...args, "--json"], options);
    const said = JSON.parse(ok(restored)) as { sealed: boolean; npub: string };
    assert.deepEqual([said.sealed, said.npub], [sealed, here[0]]);
    assert.match(restored.stderr, sealed ? /sealed with the passphrase/ : /in clear text/);
    const file = join(empty.data, "keys.json");
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal(readFileSync(file, "utf8").includes(words.trim()), !sealed);
    if (!starts) continue;
    await empty.start(sealed ? SEALED : {});
    assert.deepEqual(await npubs(empty), here);
  }
});

void test("agentctl keys backup -o writes a sealed copy, and no other file", async () => {
  await using p = project(CONFIG);
  await (await p.start()).end();
  const words = ok(await p.agentctl("keys", "backup")).trim();
  const out = join(p.dir, "copy.json");
  fails(await p.agentctl("keys", "backup", "-o", out), 2, /OPENAGENTS_PASSPHRASE/);
  assert.equal(existsSync(out), false);
  ok(await p.run(["keys", "backup", "-o", out], SEALED));
  assert.equal(statSync(out).mode & 0o777, 0o600);
  assert.equal(readFileSync(out, "utf8").includes(words.slice(0, 20)), false);
  assert.ok(readFileSync(join(p.data, "keys.json"), "utf8").includes(words), "that is as it was");
  fails(await p.run(["keys", "backup", "-o", out], SEALED), 1, /it is there/);
  fails(await p.run(["keys", "backup", "-o", join(p.dir, "no", "x")], SEALED), 4, /Cannot write/);

  await using empty = project(CONFIG);
  fails(await empty.agentctl("keys", "backup"), 3, /Cannot find key file.*--data/);
  fails(await empty.agentctl("keys", "restore", "nothing"), 3, /Cannot find key file/);
  const wrong = { env: { OPENAGENTS_PASSPHRASE: "wrong" } };
  fails(await empty.run(["keys", "restore", out], wrong), 4, /passphrase is wrong/);
  fails(await empty.run(["keys", "restore"], { stdin: "three wrong words" }), 1, /12, 15.*not 3/);
  fails(await empty.run(["keys", "restore"], { stdin: "" }), 1, /not 1/);
  empty.write("damaged.json", readFileSync(out, "utf8").replace("65536", "131072"));
  fails(await empty.agentctl("keys", "restore", "damaged.json"), 1, /altered or damaged/);
  assert.equal(existsSync(join(empty.data, "keys.json")), false);
  ok(await empty.agentctl("keys", "restore", out));
  fails(await empty.agentctl("keys", "backup"), 2, /passphrase of the key file/);
  assert.equal(ok(await empty.run(["keys", "backup"], SEALED)).trim(), words);
  // One that is sealed is copied as it is.
  ok(await empty.agentctl("keys", "backup", "-o", join(empty.dir, "again.json")));
  assert.equal(readFileSync(join(empty.dir, "again.json"), "utf8"), readFileSync(out, "utf8"));

  const daemon = await empty.start(SEALED);
  rmSync(join(empty.data, "keys.json"));
  fails(await empty.agentctl("keys", "restore", out), 1, /another agentd/);
  await daemon.end();
  // A key file that was lost, of agents that are still there.
  ok(await empty.agentctl("keys", "restore", out));
  await empty.start(SEALED);
  assert.equal(ok(await empty.agentctl("send", "alice", "bob: x", "--wait")), "got bob: x\n");
});

void test("agentctl asks for secrets at a terminal and does not show them", async (t) => {
  if (spawnSync("script", ["--version"]).status !== 0) {
    t.skip("there is no script(1), which makes a terminal, on this machine");
    return;
  }
  await using p = project(CONFIG);
  await (await p.start(SEALED)).end();
  await p.start();
  const atTerminal = async (
    args: string,
    ...answers: string[]
  ): Promise<{ readonly code: number | null; readonly text: string }> => {
    const command = `'${process.execPath}' '${join(PACKAGE, "bin/agentctl.js")}' ${args}`;
    const env = { PATH: process.env["PATH"], HOME: p.dir };
    const terminal = spawn("script", ["-qec", command, "/dev/null"], { cwd: p.dir, env });
    let text = "";
    terminal.stdout.setEncoding("utf8").on("data", (shown: string) => {
      text += shown;
      // Each prompt gets its answer.
      if (text.endsWith(": ")) terminal.stdin.write(`${answers.shift()}\r`);
    });
    const [code] = (await once(terminal, "close")) as [number | null];
    return { code, text };
  };
  const unlocked = await atTerminal("unlock", PASSPHRASE);
  assert.equal(unlocked.code, 0, unlocked.text);
  assert.match(unlocked.text, /Passphrase of the key file: \s+Opened the keys/);
  const differ = await atTerminal("keys export bob", "one secret", "another secret");
  assert.equal(differ.code, 2, differ.text);
  assert.match(differ.text, /again: [^]*the two are not the same/);
  const twice = await atTerminal("keys export bob", "one secret", "one secret");
  const [ncryptsec] = /ncryptsec1\w+/.exec(twice.text) ?? [];
  const secret = await decodeNcryptsec(ncryptsec ?? "", "one secret");
  const { pubkey } = await json(p, "info", "bob");
  assert.equal(nobleSecp.publicKey(secret), pubkey);
  for (const { text } of [unlocked, differ, twice]) assert.doesNotMatch(text, /horse|secret/);
});
