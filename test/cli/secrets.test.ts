import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { startLocal } from "../../src/backends/local.ts";
import { defineAgent, defineRuntime } from "../../src/index.ts";
import { accountKeys } from "../../src/identity/nip06.ts";
import { encodeNsec } from "../../src/identity/nip19.ts";
import { project } from "./project.ts";
import type { Ended, RunOptions } from "./project.ts";

const PASSPHRASE = "Quokkas passphrase of the key file";
const PASSWORD = "Wombats password of the exported key";
const STORED = "Numbats value of a stored secret";
const SECRET = Uint8Array.from({ length: 32 }, (_, i) => 200 - 3 * i);
const NSEC = encodeNsec(SECRET);
/** The account of the home itself. */
const HOME = 2 ** 31 - 1;

/**
 * Uses its key in every way, and a \`spy\` tells all that it can get hold of to whoever may read it: in
 * its state, its log, its events, its replies, its errors and its mail.
 */
const CONFIG = `
import { readFileSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { inspect } from "node:util";
import { defineAgent, defineRuntime } from "@openagents/runtime";
const all = { depth: Infinity, showHidden: true, getters: true, showProxy: true, maxArrayLength: 500 };
const user = defineAgent({
  name: "user",
  async onMessage(ctx, { text, from }) {
    const sealed = await ctx.identity.encrypt("bob", "a text");
    const bob = (await ctx.identity.decrypt("bob", sealed)) === "a text" ? "bob" : "nobody";
    if (!from.startsWith("npub1")) await ctx.send(bob, text);
    await ctx.reply(await ctx.identity.sign("ab".repeat(32)));
  },
});
const spy = defineAgent({
  name: "spy",
  state: { seen: [] as string[] },
  retry: { retries: 0 },
  async onMessage(ctx, { text }) {
    const errors = await Promise.all(
      [
        () => ctx.identity.sign("ab"),
        () => ctx.identity.encrypt("0".repeat(64), "x"),
        () => ctx.identity.decrypt("bob", "x"),
      ].map((work) => Promise.resolve().then(work).catch((error: unknown) => error)),
    );
    const child = execFileSync("env", { encoding: "utf8" });
    const seen = [ctx, Object.getPrototypeOf(ctx), ctx.identity, errors, process.env, child]
      .map((thing) => inspect(thing, all).toWellFormed());
    ctx.state.seen = seen;
    ctx.log.info("seen", seen);
    ctx.broadcast("seen", seen);
    await ctx.send("bob", seen);
    await ctx.reply(seen);
    if (text === "throw") throw new Error(seen.join());
  },
});
export default defineRuntime({
  agents: [user, spy],
  ensure: [{ name: "alice", type: "user" }, { name: "bob", type: "user" }, { name: "eve", type: "spy" }],
  hooks: { build: { verify: { header: "x-signature" }, secret: "STORED_KEY" } },
});
`;

/** Sends what is signed by the stored secret; the status. */
async function signedHook(url: string): Promise<number> {
  const signature = createHmac("sha256", STORED).update("1").digest("hex");
  const init = { method: "POST", headers: { "x-signature": signature }, body: "1" };
  return (await fetch(`${url}/hooks/alice/build`, init)).status;
}

/** A secret in each form in which it could have got out. */
function forms(key: Uint8Array): readonly (string | Uint8Array)[] {
  const buffer = Buffer.from(key);
  const hex = buffer.toString("hex");
  return [
    key,
    hex,
    hex.toUpperCase(),
    hex.match(/../g)!.join(" "),
    // Without the ends, which differ with what is beside it.
    buffer.toString("base64").slice(2, 40),
    buffer.toString("base64url").slice(2, 40),
    [...key].join(","),
    [...key].join(", "),
    // Also where its last letters are wrong.
    encodeNsec(key).slice(5, 45),
    encodeNsec(key).slice(5, 45).toUpperCase(),
  ];
}

void test("no secret is in a file, a log, an answer, an error or an export of an agentd that used them all", async () => {
  await using p = project(CONFIG);
  const sealed = { env: { OPENAGENTS_PASSPHRASE: PASSPHRASE } };
  const password = { env: { OPENAGENTS_KEY_PASSWORD: PASSWORD } };
  /** All that could be read by whoever has no secret, by where it was. */
  const surfaces = new Map<string, Uint8Array>();
  const seen = (where: string, text: string | Uint8Array): void => {
    surfaces.set(`${where} (${surfaces.size})`, Buffer.from(text));
  };
  const run = async (args: string[], options: RunOptions = {}): Promise<Ended> => {
    const ended = await p.run(args, options);
    seen(`agentctl ${args.join(" ")}`, ended.stdout + ended.stderr);
    return ended;
  };
  const ok = async (args: string[], options?: RunOptions): Promise<string> => {
    const { code, stdout, stderr } = await run(args, options);
    assert.equal(code, 0, stderr);
    return stdout;
  };
  const fails = async (args: string[], options?: RunOptions): Promise<void> => {
    assert.notEqual((await run(args, options)).code, 0, args.join(" "));
  };
  const files = (): void => {
    for (const name of readdirSync(p.data)) seen(name, readFileSync(join(p.data, name)));
  };

  // From its birth on sealed; used with every command.
  let daemon = await p.start(sealed);
  await ok(["create", "dora", "--type", "user", "--key", "-"], { stdin: NSEC });
  await fails(["create", "x", "--type", "user", "--key", "-"], { stdin: NSEC });
  await fails(["create", "x", "--type", "user", "--key", "-"], { stdin: `${NSEC.slice(0, -1)}q` });
  await fails(["create", "x", "--type", "user", "--key", NSEC]);
  const ncryptsec = (await ok(["keys", "export", "dora"], password)).trim();
  p.write("dora.key", ncryptsec);
  await fails(["create", "x", "--type", "user", "--key", "dora.key"], { stdin: `${PASSPHRASE}\n` });
  await fails(["create", "x", "--type", "user", "--key", "dora.key"], password);
  await ok(["secret", "set", "STORED_KEY"], { stdin: STORED });
  await fails(["secret", "set", "OPENAGENTS_X"], { stdin: STORED });
  await fails(["secret", "set", "X", STORED]);
  assert.equal(await signedHook(daemon.url), 202);
  for (const name of ["alice", "bob", "dora"]) await ok(["send", name, "hello", "--wait"]);
  assert.match(await ok(["send", "eve", "look", "--wait"]), /publicKey|npub1/);
  await fails(["send", "eve", "throw", "--wait"]);
  files();
  await daemon.end("SIGKILL");
  files();
  assert.ok([...surfaces.keys()].some((name) => name.startsWith("agents.db-wal")));
  seen("agentd", (await daemon.ended).stdout + (await daemon.ended).stderr);

  // Locked, and opened.
  daemon = await p.start();
  await ok(["send", "alice", "hello again"]);
  await fails(["unlock"], { stdin: `${PASSPHRASE} and more\n` });
  await ok(["unlock"], sealed);
  await ok(["send", "alice", "and again", "--wait"]);
  const token = readFileSync(join(p.data, "token"), "utf8").trim();
  const ask = async (method: string, path: string, body?: string): Promise<void> => {
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const init = body === undefined ? { method, headers } : { method, headers, body };
    const response = await fetch(`${daemon.url}${path}`, init);
    const head = [...response.headers].join();
    seen(`${method} ${path}`, `${response.status} ${head} ${await response.text()}`);
  };
  assert.equal(await signedHook(daemon.url), 202);
  for (const body of [`{"value":"${STORED}"`, `{"value":["${STORED}"]}`, `"${STORED}"`]) {
    await ask("PUT", "/secrets/STORED_KEY", body);
  }
  await ask("PUT", "/secrets/STORED_KEY", `{"value":"${STORED}"}`);
  for (const path of ["/agents", "/runtime/status", "/runtime/identity", "/secrets"])
    await ask("GET", path);
  for (const name of ["alice", "bob", "eve", "dora"]) {
    const parts = ["", "/status", "/state", "/inbox", "/deadletter", "/ticks", "/trajectory"];
    for (const part of [...parts, "/trajectory/verify", "/key", "/peers", "/export"]) {
      await ask("GET", `/agents/${name}${part}`);
    }
    const followed = new AbortController();
    const stream = await fetch(`${daemon.url}/agents/${name}/stream?after=0`, {
      headers: { authorization: `Bearer ${token}` },
      signal: followed.signal,
    });
    let text = "";
    for await (const chunk of stream.body!) {
      text += Buffer.from(chunk).toString();
      if (text.includes("event: tick_end")) break;
    }
    followed.abort();
    seen(`stream of ${name}`, text);
  }
  // Bodies that are wrong where a secret is.
  for (const body of [
    `{"name":"x","type":"user","key":"${NSEC}`,
    `{"name":"x","type":"user","key":${NSEC}}`,
    NSEC,
    `"${NSEC}"`,
    `{"name":"x","type":"none","key":"${NSEC}"}`,
    `{"name":"x","type":"user","key":"${NSEC}","password":"${PASSWORD}"}`,
    `{"name":"x","type":"user","key":"${NSEC}","more":"${NSEC}"}`,
    `{"name":"x","type":"user","key":["${NSEC}"]}`,
    `{"name":"x","type":"user","password":"${PASSWORD}"}`,
    `{"name":"x","type":"user","key":"${ncryptsec}","password":"${PASSWORD}"}`,
  ]) {
    await ask("POST", "/agents", body);
  }
  await ask("POST", "/runtime/unlock", `{"passphrase":"${PASSPHRASE}"`);
  await ask("POST", "/runtime/unlock", `{"passphrase":["${PASSPHRASE}"]}`);
  await ask("POST", "/agents/alice/key/export", `{"password":"${PASSWORD}"`);
  await ask("POST", "/agents/none/key/export", `{"password":"${PASSWORD}"}`);
  await ask("POST", "/agents/alice/key/export", `{"password":"${PASSWORD}"}`);
  for (const what of [
    "list",
    "info",
    "doctor",
    "keys show",
    "info dora",
    "logs eve",
    "ticks eve",
  ]) {
    await ok([...what.split(" "), "--json"]);
  }
  await ok(["trajectory", "alice", "--verify"]);
  files();
  const ended = await daemon.end();
  seen("agentd, locked", ended.stdout + ended.stderr);
  files();

  // Exports: bundles of agents, for this home and for another one, and sealed backups.
  const words = await p.run(["keys", "backup"], sealed);
  await ok(["keys", "backup", "-o", "copy.json"]);
  seen("copy.json", readFileSync(join(p.dir, "copy.json")));
  await fails(["keys", "restore"], { stdin: words.stdout });
  const mnemonic = words.stdout.trim();
  const derive = accountKeys(mnemonic);
  const agents = ["user", "spy"].map((name) => defineAgent({ name }));
  const definition = defineRuntime({ agents });
  const local = await startLocal({ definition, data: p.data, port: 0, passphrase: PASSPHRASE });
  for (const name of ["alice", "dora", "eve"]) {
    for (const to of [undefined, derive(77).publicKey]) {
      const bundle = await local.runtime.export(name, { to });
      const chunks = [];
      for await (const chunk of bundle) chunks.push(chunk);
      seen(`bundle of ${name}`, Buffer.concat(chunks));
    }
  }
  await local.stop();
  files();

  const secrets: readonly (readonly [name: string, form: string | Uint8Array])[] = [
    // Nor the part of one that an engine quotes where it cannot parse it.
    ["passphrase", PASSPHRASE.slice(0, 8)],
    ["password", PASSWORD.slice(0, 8)],
    ["stored secret", STORED.slice(0, 8)],
    ["stored secret", Buffer.from(STORED).toString("base64").slice(0, 12)],
    // Five letters alone are found by chance in what is sealed, which is text by base64.
    ["nsec", NSEC.slice(0, 12)],
    ["mnemonic", mnemonic.split(" ").slice(2, 6).join(" ")],
    ["mnemonic", mnemonic.split(" ").slice(2, 6).join('","')],
    ...[0, 1, 2, HOME].flatMap((account) =>
      forms(derive(account).privateKey).map((form) => [`account ${account}`, form] as const),
    ),
    ...forms(SECRET).map((form) => ["nsec", form] as const),
  ];
  // The search finds what is there.
  assert.ok(words.stdout.includes(mnemonic.split(" ").slice(2, 6).join(" ")));
  assert.ok(surfaces.size > 120, `only ${surfaces.size} surfaces were looked at`);
  for (const [where, content] of surfaces) {
    for (const [name, form] of secrets) {
      const found = Buffer.from(content).includes(Buffer.from(form));
      assert.equal(found, false, `${name} in ${where}: ${found && context(content, form)}`);
    }
  }
});

/** What is around a secret that was found. */
function context(content: Uint8Array, form: string | Uint8Array): string {
  const at = Buffer.from(content).indexOf(Buffer.from(form));
  return JSON.stringify(
    Buffer.from(content)
      .subarray(Math.max(0, at - 60), at + 20)
      .toString(),
  );
}
