import { spawnSync } from "node:child_process";
import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { project } from "./project.ts";
import type { Ended } from "./project.ts";

/** Asserts how a refused start ended: one line on stderr, nothing on stdout. */
function refused({ code, stdout, stderr }: Ended, expected: number, message: RegExp): void {
  assert.equal(code, expected, stderr);
  assert.equal(stdout, "");
  assert.match(stderr, message);
  assert.match(stderr, /^agentd: Cannot .+\n$/);
}

void test("agentd prints its address and three commands, and keeps its secrets to itself", async () => {
  await using p = project();
  const daemon = await p.start();
  for (const file of readdirSync(p.data)) {
    assert.equal(statSync(join(p.data, file)).mode & 0o077, 0, file);
  }
  assert.equal(statSync(p.data).mode & 0o777, 0o700);
  const { pid, url } = JSON.parse(readFileSync(join(p.data, "agentd.json"), "utf8")) as {
    pid: number;
    url: string;
  };
  assert.equal(pid, daemon.child.pid);
  assert.equal(url, daemon.url);
  const { code, stdout, stderr } = await daemon.end();
  assert.equal(code, 0, stderr);
  assert.equal(stdout.match(/^ {2}npx agentctl .*$/gm)?.length, 3);
  assert.match(stdout, /agentctl send greeter "Ada" --wait/);
  assert.equal(existsSync(join(p.data, "agentd.json")), false);
});

void test("agentd goes on counting after a stop and after SIGKILL", async () => {
  await using p = project();
  for (const [i, signal] of (["SIGTERM", "SIGINT", "SIGKILL", "SIGTERM"] as const).entries()) {
    const daemon = await p.start();
    const { stdout, stderr } = await p.agentctl("send", "greeter", "Ada", "--wait");
    assert.equal(stdout, `Hello Ada, you are number ${i + 1}\n`, stderr);
    const { code } = await daemon.end(signal);
    assert.equal(code, signal === "SIGKILL" ? null : 0);
  }
});

void test("agentd refuses a data directory that another one has, naming it", async () => {
  await using p = project();
  const daemon = await p.start();
  const ended = await p.agentd(["--port", "0"]);
  refused(ended, 1, /another agentd/);
  assert.ok(ended.stderr.includes(`process ${daemon.child.pid}`));
  assert.ok(ended.stderr.includes(daemon.url));
  assert.equal((await p.agentctl("list")).code, 0, "the first one goes on");
});

void test("agentd refuses a port in use, and nothing has run", async () => {
  await using p = project();
  const other = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => other.once("listening", resolve));
  const { port } = other.address() as AddressInfo;
  refused(
    await p.agentd(["--port", String(port)]),
    1,
    new RegExp(`port ${port} is in use.*--port`),
  );
  assert.equal(existsSync(join(p.data, "agentd.json")), false);
  other.close();
});

void test("agentd refuses wrong arguments", async () => {
  await using p = project();
  for (const args of [
    ["--port", "70000"],
    ["--port", "x"],
    ["--nope"],
    ["stray"],
    ["--data", ""],
    ["--host", ""],
  ]) {
    const { code, stderr } = await p.agentd(args);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /^agentd: [^]*Usage:/);
  }
  assert.match((await p.agentd(["--help"])).stdout, /^Usage: agentd/);
  assert.match((await p.agentd(["--version"])).stdout, /^\d+\.\d+\.\d+\n$/);
  refused(await p.agentd(["--host", "192.0.2.1"]), 1, /no such address/);
});

void test("agentd says what is wrong with a configuration, and where", async () => {
  await using p = project(null);
  const start = 'import { defineAgent, defineRuntime } from "@openagents/runtime";\n';
  refused(await p.agentd(), 1, /Cannot find "openagents.config.ts" in .*agentctl init/);
  refused(await p.agentd(["--config", "other.ts"]), 1, /Cannot find config ".*other\.ts"/);
  const cases: readonly (readonly [string, RegExp])[] = [
    ["\nconst = 5;", /openagents\.config\.ts" line 2: Unexpected token/],
    [`${start}import { x } from "@openagents/runtime";`, /config\.ts" line 2: .*"?x'?/],
    [`${start}export const a = 1;`, /no default export/],
    [`${start}export default { agents: [] };`, /not made by defineRuntime\(\)/],
    [`${start}export default null;`, /not made by defineRuntime\(\)/],
    [
      `${start}\nexport default defineRuntime({ agents: [defineAgent({ name: "a b" })] });`,
      /config\.ts" line 3: Cannot define agent "a b"/,
    ],
    [`${start}export default defineRuntime({ agents: [] });`, /line 2: .*"agents" must list/],
    [`${start}throw new Error("no luck");`, /line 2: no luck/],
    [`${start}throw 5;`, /config\.ts": 5/],
    ['import "./nothing.ts";\nexport default 1;', /nothing\.ts/],
    ['import { x } from "nothing";\nexport default x;', /nothing/],
  ];
  for (const [text, message] of cases) {
    p.write("openagents.config.ts", text);
    refused(await p.agentd(["--port", "0"]), 1, message);
  }
  assert.equal(existsSync(join(p.data, "agentd.json")), false);
});

void test("agentd points at the line of a syntax error in JavaScript", async () => {
  await using p = project(null);
  p.write("openagents.config.mjs", "\n\nconst = 5;\n");
  refused(await p.agentd(), 1, /openagents\.config\.mjs" line 3: Unexpected token/);
});

void test("agentd seals the master key with a passphrase, and is refused with another one", async () => {
  await using p = project();
  const keys = join(p.data, "keys.json");
  const env = { OPENAGENTS_PASSPHRASE: "correct horse" };
  await (await p.start()).end();
  const words = (JSON.parse(readFileSync(keys, "utf8")) as { mnemonic: string }).mnemonic;
  assert.equal(words.split(" ").length >= 12, true);
  await (await p.start({ env })).end();
  assert.equal(readFileSync(keys, "utf8").includes(words), false, "a plain one was sealed");
  assert.equal(statSync(keys).mode & 0o777, 0o600);
  const wrong = { OPENAGENTS_PASSPHRASE: "wrong" };
  refused(await p.agentd(["--port", "0"], { env: wrong }), 4, /passphrase is wrong/);
  await (await p.start({ env })).end();
  const { stderr } = await (await p.start()).end();
  assert.match(stderr, /keys\.json" is sealed, and no passphrase was given.*agentctl unlock/);
});

void test("agentd leaves its passphrase to no configuration, agent code or program these start", async () => {
  await using p = project(`
import { execFileSync } from "node:child_process";
import { defineAgent, defineRuntime } from "@openagents/runtime";
const atLoad = { ...process.env };
const spy = defineAgent({
  name: "spy",
  async onMessage(ctx) {
    const print = "process.stdout.write(JSON.stringify(process.env))";
    const child = JSON.parse(execFileSync(process.execPath, ["-e", print], { encoding: "utf8" }));
    await ctx.reply({ atLoad, now: { ...process.env }, child });
  },
});
export default defineRuntime({ agents: [spy], ensure: [{ name: "spy", type: "spy" }] });
`);
  const env = { OPENAGENTS_PASSPHRASE: "correct horse", OTHER: "is left" };
  const daemon = await p.start({ env });
  const { stdout, stderr } = await p.agentctl("send", "spy", "look", "--wait");
  await daemon.end();
  const seen = JSON.parse(stdout) as Record<string, Record<string, string>>;
  for (const place of ["atLoad", "now", "child"]) {
    assert.equal(seen[place]?.["OTHER"], "is left", stderr);
    assert.equal("OPENAGENTS_PASSPHRASE" in seen[place], false, place);
  }
  assert.equal(stdout.includes("correct horse"), false);
  assert.match(readFileSync(join(p.data, "keys.json"), "utf8"), /scrypt/, "it was used");
});

void test("agentd does not make new keys for agents that have some", async () => {
  await using p = project();
  const keys = join(p.data, "keys.json");
  await (await p.start()).end();
  const text = readFileSync(keys, "utf8");
  writeFileSync(keys, text.slice(0, 100));
  refused(await p.agentd(["--port", "0"]), 1, /keys\.json.*backup/);
  rmSync(keys);
  refused(await p.agentd(["--port", "0"]), 3, /Cannot find key file.*agentctl keys restore/);
  assert.equal(existsSync(keys), false);
  await using other = project();
  await (await other.start()).end();
  writeFileSync(keys, readFileSync(join(other.data, "keys.json")));
  refused(await p.agentd(["--port", "0"]), 4, /made with another one/);
  writeFileSync(keys, text);
  await (await p.start()).end();
});

void test("agentd refuses a data directory that it cannot write", async () => {
  await using p = project();
  p.write("file", "");
  refused(await p.agentd(["--data", "file"]), 4, /data directory ".*file".*--data/);
  refused(await p.agentd(["--data", "file/below"]), 4, /data directory ".*below"/);
});

void test("agentd refuses a data directory that is read-only", async (t) => {
  await using p = project();
  const dir = join(p.dir, "locked");
  mkdirSync(dir);
  chmodSync(dir, 0o555);
  chmodSync(p.dir, 0o755);
  // To the superuser nothing is read-only: it becomes nobody, who must be able to read this clone.
  const root = process.getuid?.() === 0;
  const nobody = root ? { uid: 65_534 } : {};
  if (root && spawnSync(process.execPath, ["--version"], nobody).status !== 0) {
    t.skip("nobody may not read the directory that this clone lies in");
    return;
  }
  refused(await p.agentd(["--data", "locked"], nobody), 4, /locked.*cannot be written/);
});

void test("agentd refuses a store that it cannot write", async (t) => {
  await using p = project();
  await (await p.start()).end();
  const store = join(p.data, "agents.db");
  chmodSync(store, 0o444);
  chmodSync(p.dir, 0o755);
  // To the superuser no file is read-only: it becomes nobody, who must be able to read this clone.
  const root = process.getuid?.() === 0;
  const nobody = root ? { uid: 65_534 } : {};
  if (root) {
    for (const file of readdirSync(p.data)) chownSync(join(p.data, file), nobody.uid!, 0);
    chownSync(p.data, nobody.uid!, 0);
  }
  if (root && spawnSync(process.execPath, ["--version"], nobody).status !== 0) {
    t.diagnostic("nobody may not read the directory that this clone lies in");
  } else {
    refused(await p.agentd(["--port", "0"], nobody), 4, /store ".*agents\.db": EACCES.*--data/);
  }
  rmSync(store);
  mkdirSync(store);
  refused(await p.agentd(["--port", "0"]), 4, /store ".*agents\.db": EISDIR.*--data/);
});

void test("agentd refuses a damaged store and leaves it as it is", async () => {
  await using p = project();
  await (await p.start()).end();
  const store = join(p.data, "agents.db");
  const damaged = readFileSync(store).fill(0x55, 0, 200);
  writeFileSync(store, damaged);
  refused(await p.agentd(["--port", "0"]), 1, /agents\.db/);
  assert.deepEqual(readFileSync(store), damaged);
});

void test("agentd warns when other machines can reach it", async () => {
  await using p = project();
  const child = p.agentd(["--port", "0", "--host", "0.0.0.0"]);
  while (!existsSync(join(p.data, "agentd.json"))) await new Promise(setImmediate);
  let place: { pid: number; url?: string } = { pid: 0 };
  while (place.url === undefined) {
    await new Promise(setImmediate);
    place = JSON.parse(readFileSync(join(p.data, "agentd.json"), "utf8")) as typeof place;
  }
  assert.equal((await p.agentctl("list")).code, 0);
  process.kill(place.pid, "SIGTERM");
  assert.match((await child).stderr, /0\.0\.0\.0, which other machines may reach/);
});

void test("agentd ends when agent code blocks it, and is not blocked by the same mail for ever", async () => {
  await using p = project();
  const env = { OPENAGENTS_BLOCK_LIMIT: "300ms" };
  let daemon = await p.start({ env });
  const sent = await p.agentctl("send", "greeter", "hang", "--id", "poison");
  assert.equal(sent.code, 0, sent.stderr);
  let starts = 0;
  for (;;) {
    const { code, stderr } = await daemon.ended;
    assert.equal(code, 1, stderr);
    assert.match(stderr, /blocked the event loop for 300 ms, in onMessage at .*config\.ts:8/);
    starts += 1;
    assert.ok(starts < 10, "it ends with the dead letters");
    daemon = await p.start({ env });
    // It answers before the mail is taken up again, or once it is with the dead letters.
    const { stdout } = await p.agentctl("deadletter", "list", "greeter", "--json");
    if (stdout.includes("poison")) break;
  }
  const { stdout } = await p.agentctl("send", "greeter", "Ada", "--wait");
  assert.equal(stdout, "Hello Ada, you are number 1\n");
});

void test("agentd survives a promise that agent code forgot about", async () => {
  await using p = project(`
import { defineAgent, defineRuntime } from "@openagents/runtime";
const sloppy = defineAgent({
  name: "sloppy",
  async onMessage(ctx) {
    void Promise.reject(new Error("forgotten"));
    await ctx.reply("fine");
  },
});
export default defineRuntime({ agents: [sloppy], ensure: [{ name: "s", type: "sloppy" }] });
`);
  const daemon = await p.start();
  for (let i = 0; i < 2; i += 1) {
    assert.equal((await p.agentctl("send", "s", "x", "--wait")).stdout, "fine\n");
  }
  const { code, stderr } = await daemon.end();
  assert.equal(code, 0);
  assert.match(stderr, /unhandled rejection in agent code: Error: forgotten/);
});

void test("agentd says so and fails when the configuration or agent code ends it", async () => {
  await using p = project("process.exit(0);");
  refused(await p.agentd(["--port", "0"]), 1, /configuration or agent code ended the process/);
  p.write("openagents.config.ts", "await new Promise(() => {});");
  const { code, stderr } = await p.agentd(["--port", "0"]);
  assert.equal(code, 1);
  assert.match(stderr, /awaits something that never comes/);
  p.write(
    "openagents.config.ts",
    `
import { defineAgent, defineRuntime } from "@openagents/runtime";
const rude = defineAgent({ name: "rude", onMessage: () => process.exit(0) });
export default defineRuntime({ agents: [rude], ensure: [{ name: "r", type: "rude" }] });
`,
  );
  const daemon = await p.start();
  await p.agentctl("send", "r", "x");
  const ended = await daemon.ended;
  assert.equal(ended.code, 1);
  assert.match(ended.stderr, /agent code ended the process/);
  assert.equal(existsSync(join(p.data, "agentd.json")), false);
});

void test("agentd closes its data directory to others", async () => {
  await using p = project();
  await (await p.start()).end();
  chmodSync(p.data, 0o755);
  for (const file of ["keys.json", "token"]) chmodSync(join(p.data, file), 0o644);
  await (await p.start()).end();
  assert.equal(statSync(p.data).mode & 0o777, 0o700);
  for (const file of ["keys.json", "token"]) {
    assert.equal(statSync(join(p.data, file)).mode & 0o777, 0o600, file);
  }
});

void test("agentd says which of its secrets it cannot read", async () => {
  for (const [file, message] of [
    ["token", /Cannot use token file ".+token": EISDIR.+: make it readable for this user/],
    ["keys.json", /Cannot open key file ".+keys.json": EISDIR.+: make it readable for this user/],
  ] as const) {
    await using p = project();
    mkdirSync(join(p.data, file), { recursive: true });
    refused(await p.agentd(), 4, message);
  }
});

void test("agentd stops at once at the second signal", async () => {
  await using p = project(`
import { defineAgent, defineRuntime } from "@openagents/runtime";
const stuck = defineAgent({ name: "stuck", onMessage: () => new Promise(() => {}) });
export default defineRuntime({ agents: [stuck], ensure: [{ name: "s", type: "stuck" }] });
`);
  const daemon = await p.start();
  await p.agentctl("send", "s", "x");
  const told = new Promise((resolve) => daemon.child.stderr!.once("data", resolve));
  daemon.child.kill("SIGINT");
  await told;
  const { code } = await daemon.end("SIGINT");
  assert.equal(code, 130);
});
