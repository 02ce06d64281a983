import assert from "node:assert/strict";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { project } from "./project.ts";
import type { Ended } from "./project.ts";

const TOKEN = "a-token-that-is-long-enough-to-show-its-end";

function ok({ code, stdout, stderr }: Ended): string {
  assert.equal(code, 0, stderr);
  return stdout;
}

function fails({ code, stdout, stderr }: Ended, expected: number, message: RegExp): void {
  assert.equal(code, expected, stderr);
  assert.equal(stdout, "");
  assert.match(stderr, message);
}

const tokenOf = ({ data }: { readonly data: string }): string =>
  readFileSync(join(data, "token"), "utf8").trim();

void test("agentctl context makes, shows, renames and forgets homes, and prints no token", async () => {
  await using p = project();
  const { agentctl } = p;
  const file = join(p.dir, ".config/openagents/config.json");
  assert.match(
    (await agentctl("context", "list")).stderr,
    /^None\. Make one with: agentctl context/,
  );
  fails(await agentctl("context", "show"), 3, /no current context.*agentctl context use/);
  const set = ["context", "set", "prod", "--url", "https://agents.example/", "--token", "-"];
  const made = await p.run(set, { stdin: `${TOKEN}\n` });
  assert.match(made.stderr, /^Made prod\. Go on with: agentctl context use prod\n$/);
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(file, "..")), ["config.json"]);
  assert.match(
    ok(await agentctl("context", "list")),
    /prod +https:\/\/agents\.example +\*{4}end|end\n/,
  );
  ok(await agentctl("context", "use", "prod"));
  assert.match(ok(await agentctl("context", "list")), /^\* +prod /m);
  assert.deepEqual(JSON.parse(ok(await agentctl("context", "show", "--json"))), {
    name: "prod",
    current: true,
    url: "https://agents.example",
    token: `****${TOKEN.slice(-4)}`,
  });
  ok(await agentctl("context", "rename", "prod", "live"));
  assert.match(ok(await agentctl("context", "show")), /^name +live\n/);
  for (const args of [["list"], ["list", "--ndjson"], ["show"], ["show", "live", "--json"]]) {
    const { stdout, stderr } = await agentctl("context", ...args);
    assert.ok(!`${stdout}${stderr}`.includes(TOKEN.slice(0, 12)), args.join(" "));
  }
  // Another address is another home: the token does not go along.
  ok(await agentctl("context", "set", "live", "--url", "https://other.example"));
  assert.ok(!readFileSync(file, "utf8").includes(TOKEN));
  ok(await agentctl("context", "set", "live", "--token-file", "token"));
  assert.ok(readFileSync(file, "utf8").includes(`"tokenFile": "${join(p.dir, "token")}"`));

  fails(await agentctl("context", "rename", "nope", "x"), 3, /there are live/);
  fails(await agentctl("context", "rename", "live", "live"), 1, /there is a context "live"/);
  fails(await agentctl("context", "use"), 2, /its name, or --none/);
  fails(await agentctl("context", "set", "a b", "--url", "http://x"), 2, /Cannot name a context/);
  fails(await agentctl("context", "set", "x"), 2, /agentctl context set NAME --url URL/);
  fails(await agentctl("context", "set", "live"), 2, /say what is new/);
  fails(await agentctl("context", "set", "x", "--url", "ftp://x"), 2, /no http address/);
  fails(await agentctl("context", "set", "constructor", "--token", "x"), 2, /give its address/);
  const two = ["context", "set", "x", "--data", "d", "--token", "t"];
  fails(await agentctl(...two), 2, /one of --token, --token-file and --data/);
  fails(await agentctl("list", "--context", "constructor"), 3, /Cannot use context "constructor"/);
  fails(await agentctl("list", "--context", "live", "--url", "http://x"), 2, /each names a home/);
  ok(await agentctl("context", "use", "--none"));
  ok(await agentctl("context", "use", "live"));
  assert.match((await agentctl("context", "delete", "live")).stderr, /No context is current now/);
  assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), { contexts: {} });
});

void test("agentctl context keeps a linked configuration a link, and heeds XDG_CONFIG_HOME", async () => {
  await using p = project();
  const env = { XDG_CONFIG_HOME: join(p.dir, "xdg") };
  mkdirSync(join(p.dir, "xdg/openagents"), { recursive: true });
  writeFileSync(join(p.dir, "real.json"), "{}");
  symlinkSync(join(p.dir, "real.json"), join(p.dir, "xdg/openagents/config.json"));
  ok(await p.run(["context", "set", "a", "--data", "d"], { env }));
  assert.ok(lstatSync(join(p.dir, "xdg/openagents/config.json")).isSymbolicLink());
  assert.match(readFileSync(join(p.dir, "real.json"), "utf8"), /"data": ".*\/d"/);
  assert.equal(statSync(join(p.dir, "real.json")).mode & 0o777, 0o600);
  const relative = { XDG_CONFIG_HOME: "xdg" };
  assert.match((await p.run(["context", "list"], { env: relative })).stderr, /^None/);
});

void test("agentctl names a configuration that is broken, and how to mend it", async () => {
  await using p = project();
  await p.start();
  const dir = join(p.dir, ".config/openagents");
  mkdirSync(dir, { recursive: true });
  const file = join(dir, "config.json");
  const cases: readonly (readonly [text: string, why: RegExp])[] = [
    ['{"contexts":{"a":{"url":"http://x","token":"hidden"}}', /not JSON/],
    ["[]", /no JSON object/],
    ['{"contexts":[]}', /"contexts" is no object/],
    ['{"current":1}', /"current" is no text/],
    ['{"contexts":{"a":1}}', /"a": it is no object/],
    ['{"contexts":{"a b":{}}}', /"a b": it is no name/],
    ['{"contexts":{"a":{}}}', /"url" or "data" is missing/],
    ['{"contexts":{"a":{"url":"x:/"}}}', /"url" is no http address/],
    ['{"contexts":{"a":{"url":"http://x","tokn":"hidden"}}}', /unknown field "tokn"/],
    ['{"contexts":{"a":{"url":"http://x","token":7}}}', /"token" is no text/],
    ['{"contexts":{"a":{"data":"x","token":"hidden"}}}', /only one of/],
  ];
  for (const [text, why] of cases) {
    writeFileSync(file, text);
    const ended = await p.agentctl("list");
    fails(ended, 1, why);
    assert.ok(
      ended.stderr.includes(`Cannot use "${file}"`) && /mend it, or move/.test(ended.stderr),
    );
    assert.ok(!ended.stderr.includes("hidden"), ended.stderr);
    // What was named otherwise needs no contexts.
    ok(await p.agentctl("list", "--data", p.data));
  }
  ok(await p.agentctl());
  writeFileSync(file, '{"current":"gone"}');
  fails(await p.agentctl("list"), 3, /Cannot use context "gone": there is none yet/);
  writeFileSync(file, "{}");
  chmodSync(file, 0o644);
  const doctor = await p.agentctl("doctor");
  assert.match(doctor.stdout, /fail {2}contexts: .*mode 644.*\n +chmod 600 /);
});

void test("agentctl goes to what flags name, then the environment, then the current context", async () => {
  await using here = project();
  await using there = project();
  const [h, t] = [await here.start(), await there.start()];
  const urlOf = async (
    args: readonly string[],
    env: Record<string, string> = {},
  ): Promise<unknown> => {
    const ended = await here.run(["info", "--json", ...args], { env });
    return (JSON.parse(ok(ended)) as { url: string }).url;
  };
  assert.equal(await urlOf([]), h.url);
  ok(await here.agentctl("context", "set", "there", "--url", t.url, "--token", tokenOf(there)));
  ok(await here.agentctl("context", "set", "home", "--data", there.data));
  assert.equal(await urlOf([]), h.url);
  assert.equal(await urlOf(["--context", "there"]), t.url);
  assert.equal(await urlOf([], { OPENAGENTS_CONTEXT: "home" }), t.url);
  ok(await here.agentctl("context", "use", "there"));
  // Also where an agentd runs in the working directory.
  assert.equal(await urlOf([]), t.url);
  assert.equal(await urlOf(["--data", ".openagents"]), h.url);
  assert.equal(await urlOf([], { OPENAGENTS_HOME: here.data }), h.url);
  const env = { OPENAGENTS_URL: h.url, OPENAGENTS_TOKEN: tokenOf(here) };
  assert.equal(await urlOf([], env), h.url);
  assert.equal(await urlOf(["--context", "there"], env), t.url);
  assert.equal(await urlOf([], { ...env, OPENAGENTS_CONTEXT: "there" }), h.url);
  // A token of the environment that is for no address does not take the place of a context's own.
  assert.equal(await urlOf([], { OPENAGENTS_TOKEN: "wrong" }), t.url);
  fails(await here.agentctl("list", "--token", "wrong"), 4, /the token is wrong/);
  // Where the context's home is down, nothing goes to the one that is here.
  await t.end();
  fails(await here.agentctl("list"), 5, /Cannot reach agentd/);
  fails(await here.agentctl("list", "--context", "home"), 5, /Cannot find agentd/);
  fails(await here.agentctl("keys", "backup"), 2, /"there" is an address: .*--data DIR/);
  assert.match(ok(await here.agentctl()), /state +it does not answer/);
});

void test("agentctl sends the token of one home to no other", async () => {
  await using p = project();
  await p.start();
  const seen: (string | undefined)[] = [];
  const other = createServer((request, response) => {
    seen.push(request.headers.authorization);
    response.setHeader("content-type", "application/json");
    response.end('{"items":[]}');
  }).listen(0, "127.0.0.1");
  await once(other, "listening");
  const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
  try {
    const env = { OPENAGENTS_URL: "https://elsewhere.example", OPENAGENTS_TOKEN: "elsewhere" };
    // By a flag and by a context, the token that goes with OPENAGENTS_URL stays.
    await p.run(["list", "--url", url, "--data", "none"], { env });
    ok(await p.agentctl("context", "set", "other", "--url", url, "--use"));
    fails(await p.run(["list", "--context", "other"], { env }), 4, /the context "other" has none/);
    // Nor does that of the directory here go to a context's address.
    fails(await p.agentctl("list"), 4, /the context "other" has none/);
    await p.run(["__complete", "agents"], {});
    assert.deepEqual(seen, []);
    ok(await p.run(["list"], { env: { OPENAGENTS_TOKEN: "free" } }));
    ok(await p.run(["list", "--context", "other", "--token", "given"], { env }));
    assert.deepEqual([...new Set(seen)], ["Bearer free", "Bearer given"]);
    writeFileSync(join(p.dir, "secret"), "of-a-file\n");
    ok(await p.agentctl("context", "set", "other", "--token-file", "secret"));
    ok(await p.run(["list"], { env: { OPENAGENTS_TOKEN: "free" } }));
    assert.equal(seen.at(-1), "Bearer of-a-file");
    ok(await p.agentctl("context", "set", "other", "--token-file", "gone"));
    fails(await p.agentctl("list"), 4, /Cannot read token/);
  } finally {
    other.close();
  }
});
