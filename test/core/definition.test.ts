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
