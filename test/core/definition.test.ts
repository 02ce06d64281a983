import assert from "node:assert/strict";
import { test } from "node:test";
import { defineAgent, defineRuntime, OpenAgentsError } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";

/** Node runs a configuration without its types, so anything may come. */
const agent = (options: unknown): unknown => defineAgent(options as { name: string });
const runtime = (options: unknown): unknown =>
  defineRuntime(options as Parameters<typeof defineRuntime>[0]);
const a = defineAgent({ name: "a" });

function refuses(run: () => unknown, message: RegExp): void {
  assert.throws(run, (error: unknown) => {
    assert.ok(error instanceof OpenAgentsError, String(error));
    assert.equal(error.code, "CONFIG", error.message);
    assert.match(error.message, message);
    return true;
  });
}

const AGENTS: readonly (readonly [options: unknown, message: RegExp])[] = [
  [undefined, /^Cannot define agent "": its options must be an object .*, not undefined$/],
  [null, /its options must be an object .*, not null$/],
  [[], /its options must be an object .*, not a list$/],
  [{ name: 5 }, /"name" must be 1 to 63/],
  [{ stateSchema: 5 }, /^Cannot define agent "a": "stateSchema" must be a Standard Schema/],
  [{ messageSchema: {} }, /"messageSchema" must be a Standard Schema/],
  [{ messageSchema: null }, /"messageSchema" must be a Standard Schema/],
  [{ migrate: 5 }, /"migrate" must be a function, not 5$/],
  [{ version: "2" }, /"version" must be a whole number, 1 or more, not "2"$/],
  [{ onWake: null }, /"onWake" must be a function, not null$/],
  [{ state: [1] }, /"state" must be an object/],
  [{ state: null }, /"state" must be an object/],
  [{ state: "x" }, /"state" must be an object/],
  [{ profile: 5 }, /"profile" must be an object/],
  [{ profile: ["about"] }, /"profile" must be an object/],
  [{ profile: { about: () => "x" } }, /"profile": .*profile\.about/],
  [{ retry: 5 }, /"retry" must be an object with retries, .*, not 5$/],
  [{ retry: { quarantineAfter: -3 } }, /"retry.quarantineAfter" must be a whole number, 1 or more/],
  [{ retry: { quarantineAfter: "x" } }, /"retry.quarantineAfter" must be .*, not "x"$/],
  [{ retry: { retries: 0.5 } }, /"retry.retries" must be a whole number, 0 or more, not 0.5$/],
  [{ retry: { backoff: "soon" } }, /"retry.backoff": Cannot read duration "soon"/],
  [{ inbox: null }, /"inbox" must be an object with depth, overflow, not null$/],
  [{ inbox: { depth: {} } }, /"inbox.depth" must be a whole number, 1 or more, not an object$/],
  [{ inbox: { overflow: "drop" } }, /"inbox.overflow" must be one of reject-new, .*, not "drop"$/],
];

void test("defineAgent() refuses each option that is wrong, with its name and what it must be", () => {
  for (const [options, message] of AGENTS) {
    const whole = options !== null && typeof options === "object" && !Array.isArray(options);
    refuses(() => agent(whole ? { name: "a", ...options } : options), message);
  }
});

const hook = { verify: "github", secret: "GITHUB_WEBHOOK_SECRET" };
const hmac = (options: object): object => ({
  verify: { header: "x-sig", ...options },
  secret: "A",
});

const RUNTIMES: readonly (readonly [options: object, message: RegExp])[] = [
  [{ agents: "a" }, /"agents" must list at least one agent/],
  [{ agents: [null] }, /"agents\[0\]" is not made by defineAgent\(\)/],
  [{ store: {} }, /"store" must be a store, .*: it has no get\(\)$/],
  [{ store: null }, /"store" must be a store/],
  [{ store: "agents.db" }, /"store" must be a store, such as sqlite\("agents.db"\)/],
  [{ ensure: "x" }, /"ensure" must be a list of \{ name, type \}/],
  [{ ensure: { name: "x", type: "a" } }, /"ensure" must be a list/],
  [{ ensure: [null] }, /"ensure\[0\]" must be an object with name, type, not null$/],
  [{ ensure: [{ name: "x", type: "a", tpye: 1 }] }, /there is no "ensure\[0\].tpye"/],
  [{ ensure: [{ name: "x y", type: "a" }] }, /"ensure\[0\].name": Cannot name an agent "x y"/],
  [{ ensure: [{ type: "a" }] }, /"ensure\[0\].name": Cannot name an agent/],
  [{ ensure: [{ name: "x" }] }, /"ensure\[0\]" \("x"\): there is no agent type "undefined"/],
  [
    {
      ensure: [
        { name: "x", type: "a" },
        { name: "x", type: "a" },
      ],
    },
    /"ensure\[1\]": the name "x" is taken$/,
  ],
  [{ relays: "wss://x" }, /"relays" must be a list of addresses/],
  [{ relays: ["https://x"] }, /"relays\[0\]" must be an address like "wss:/],
  [{ hooks: null }, /"hooks" must be an object with one member for each source/],
  [{ hooks: [hook] }, /"hooks" must be an object with one member for each source/],
  [{ hooks: { "a b": hook } }, /"hooks.a b": Cannot name an agent "a b"/],
  [{ hooks: { ["a".repeat(64)]: hook } }, /"hooks.aa.*": Cannot name an agent/],
  [{ hooks: { alarm: hook } }, /"hooks.alarm": this name is the runtime's own$/],
  [{ hooks: { x: { ...hook, agents: [] } } }, /"hooks.x.agents" must be a list of at least one/],
  [{ hooks: { x: { ...hook, agents: ["a b"] } } }, /"hooks.x.agents/],
  [{ hooks: { schedule: hook } }, /"hooks.schedule": this name is the runtime's own$/],
  [{ hooks: { HTTP: hook } }, /"hooks.HTTP": this name is the runtime's own$/],
  [{ hooks: { x: "github" } }, /"hooks.x" must be an object with verify, .*, not "github"$/],
  [{ hooks: { x: { ...hook, secrets: "A" } } }, /there is no "hooks.x.secrets"/],
  [{ hooks: { x: { secret: "A" } } }, /"hooks.x.verify" must be one of github, .*, not undefined$/],
  [{ hooks: { x: { ...hook, verify: "gitlab" } } }, /"hooks.x.verify" must be one of .*"gitlab"$/],
  [{ hooks: { x: { verify: "github" } } }, /"hooks.x.secret" must be the name of an environment/],
  [{ hooks: { x: { ...hook, secret: [] } } }, /"hooks.x.secret" must name at least one variable/],
  [{ hooks: { x: { ...hook, type: "mention" } } }, /"hooks.x.type" must be one of event, message/],
  [{ hooks: { x: { ...hook, reply: "yes" } } }, /"hooks.x.reply" must be true or false$/],
  [{ hooks: { x: { ...hook, wait: "1h" } } }, /"hooks.x.wait" must be at most 240s$/],
  [{ hooks: { x: { ...hook, tolerance: 5 } } }, /"hooks.x.tolerance" must be 1000 ms or more/],
  [{ hooks: { x: { ...hook, headers: "x-a" } } }, /"hooks.x.headers" must be a list of names$/],
  [{ hooks: { x: { ...hook, headers: ["a b"] } } }, /"hooks.x.headers\[0\]" must be the name of a/],
  [{ hooks: { x: { ...hook, headers: ["Cookie"] } } }, /agents get no header like "Cookie"$/],
  [{ hooks: { x: { ...hook, headers: ["X-Hub-Signature"] } } }, /agents get no header like/],
  [{ hooks: { x: hmac({ header: undefined }) } }, /"hooks.x.verify.header" must be the name of a/],
  [
    { hooks: { x: hmac({ algorithm: "md5" }) } },
    /"hooks.x.verify.algorithm" must be one of sha256/,
  ],
  [{ hooks: { x: hmac({ encoding: "b64" }) } }, /"hooks.x.verify.encoding" must be one of hex/],
  [{ hooks: { x: hmac({ prefix: 5 }) } }, /"hooks.x.verify.prefix" must be text$/],
  [
    { hooks: { x: hmac({ signs: "{id}" }) } },
    /"hooks.x.verify.signs" must be text with "\{body\}"/,
  ],
  [{ hooks: { x: hmac({ signs: "{body}{body}" }) } }, /must be text with "\{body\}" in it, once$/],
  [{ hooks: { x: hmac({ signs: "{timestamp}{body}" }) } }, /must have "\{timestamp\}" in it where/],
  [{ hooks: { x: hmac({ timestamp: "t", signs: "{body}" }) } }, /must have "\{timestamp\}" in it/],
  [{ hooks: { x: hmac({ signs: "{id}{body}" }) } }, /has "\{id\}" in it, and no "id" names/],
  [{ limits: "x" }, /"limits" must be an object with .*, not "x"$/],
  [{ limits: { dedup: "x" } }, /^Cannot define the runtime: "limits.dedup": Cannot read duration/],
  [{ limits: { hops: "9" } }, /"limits.hops" must be a whole number, 1 or more, not "9"$/],
];

void test("defineAgent() refuses a timeout in which no tick could run", () => {
  for (const timeout of [0, "0s"]) {
    refuses(
      () => defineAgent({ name: "a", timeout, onMessage: () => undefined }),
      /"timeout" must be 1 ms or more, not "?0s?"?$/,
    );
  }
});

void test("defineRuntime() refuses each option that is wrong, with its name and what it must be", () => {
  refuses(() => runtime(undefined), /^Cannot define the runtime: its options must be an object/);
  for (const [options, message] of RUNTIMES) {
    refuses(() => runtime({ agents: [a], ...options }), message);
  }
});

void test("an option that is undefined has its default", () => {
  const definition = defineAgent({
    name: "a",
    retry: { retries: undefined } as object,
    inbox: { depth: undefined } as object,
  });
  assert.equal(definition.retry.retries, 3);
  assert.deepEqual(definition.inbox, { depth: 1000, overflow: "dead-letter" });
  const store = memoryStore();
  const limits = { hops: undefined } as object;
  const ensure = [{ name: "x", type: "a" }];
  const defined = defineRuntime({ agents: [definition], store, limits, ensure });
  assert.equal(defined.limits.hops, 1000);
  assert.equal(defined.store, store);
});

void test("defineRuntime() never shows what stands in the place of a secret's name", () => {
  const options = { agents: [a], hooks: { x: { ...hook, secret: "whsec_c2VjcmV0/+=" } } };
  refuses(() => runtime(options), /^Cannot define the runtime: "hooks.x.secret" must be the name/);
  try {
    runtime(options);
  } catch (error) {
    assert.ok(!String(error).includes("c2VjcmV0"));
  }
});

void test("a hook has its defaults filled in", () => {
  const { hooks } = defineRuntime({
    agents: [a],
    hooks: {
      github: { verify: "github", secret: "A" },
      form: {
        verify: { header: "X-Sig", timestamp: "X-Time" },
        secret: ["A", "B"],
        headers: ["X-Shop"],
      },
    },
  });
  const filled = {
    tolerance: 300_000,
    type: "event",
    reply: false,
    wait: 10_000,
    agents: undefined,
  };
  assert.deepEqual(hooks.get("github"), {
    ...filled,
    verify: "github",
    secrets: ["A"],
    headers: [],
  });
  assert.deepEqual(hooks.get("form"), {
    ...filled,
    verify: {
      header: "X-Sig",
      algorithm: "sha256",
      encoding: "hex",
      prefix: "",
      timestamp: "X-Time",
      id: undefined,
      signs: "{timestamp}.{body}",
    },
    secrets: ["A", "B"],
    headers: ["x-shop"],
  });
  assert.equal(defineRuntime({ agents: [a] }).hooks.size, 0);
});
