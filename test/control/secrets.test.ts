import assert from "node:assert/strict";
import { test } from "node:test";
import { rememberedSecrets, secretSource, storedSecrets } from "../../src/control/secrets.ts";
import type { StoredSecrets } from "../../src/control/secrets.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { lockedSigner } from "../../src/identity/locked-signer.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";
import { memoryHomeFiles } from "../../src/stores/memory/home-files.ts";
import { fixture } from "./fixture.ts";

const MNEMONIC = newMnemonic();

function home() {
  const clock = { at: 1_000, now: () => clock.at };
  const files = memoryHomeFiles();
  const learnt: string[] = [];
  const learn = (value: string): void => void learnt.push(value);
  const stored = storedSecrets({ files, clock, signer: derivedSigner(MNEMONIC), learn });
  return { clock, files, learnt, learn, stored };
}

void test("a secret is stored, listed by its name, replaced and removed, and no answer shows it", async () => {
  const { clock, files, stored, learnt } = home();
  await using f = await fixture({ bindings: { secrets: stored } });
  const value = 'a "quoted" value\nof two lines';
  const set = { body: { value } };
  assert.deepEqual(await f.json("PUT", "/secrets/API_KEY", set), [
    200,
    { name: "API_KEY", setAt: 1_000 },
  ]);
  clock.at = 2_000;
  assert.deepEqual(await f.json("PUT", "/secrets/a_key", { body: { value: "öäüß" } }), [
    200,
    { name: "a_key", setAt: 2_000 },
  ]);
  const [, list] = await f.json("GET", "/secrets");
  assert.deepEqual(list, {
    items: [
      { name: "API_KEY", setAt: 1_000 },
      { name: "a_key", setAt: 2_000 },
    ],
  });
  const [, first] = await f.json("GET", "/secrets?limit=1");
  const [, rest] = await f.json("GET", `/secrets?limit=1&cursor=${String(first["cursor"])}`);
  assert.deepEqual(rest["items"], [{ name: "a_key", setAt: 2_000 }]);
  assert.equal((await f.call("GET", "/secrets/API_KEY")).status, 405);
  assert.equal(await stored.get("API_KEY"), value);
  const kept = JSON.stringify(await files.list({ prefix: "", limit: 100 }));
  for (const part of ["quoted", "two lines", "öäüß"]) assert.equal(kept.includes(part), false);
  await f.json("PUT", "/secrets/API_KEY", { body: { value: "another" } });
  assert.equal(await stored.get("API_KEY"), "another");
  assert.deepEqual(learnt, [value, "öäüß", value, "another", "another"]);
  assert.equal((await f.call("DELETE", "/secrets/API_KEY")).status, 204);
  assert.equal(await stored.get("API_KEY"), undefined);
  const [status, gone] = await f.json("DELETE", "/secrets/API_KEY");
  assert.deepEqual([status, gone.detail], [404, 'There is no stored secret "API_KEY"']);
});

void test("what is no secret is refused, and nothing of it is told", async () => {
  const { stored, files } = home();
  await using f = await fixture({ bindings: { secrets: stored } });
  const longest = "\u0001".repeat(65_536);
  assert.equal((await f.call("PUT", "/secrets/LONG", { body: { value: longest } })).status, 200);
  assert.equal(await stored.get("LONG"), longest);
  const secret = "sk-very-secret-0123";
  for (const [name, body] of [
    [`KEY=${secret}`, { value: secret }],
    ["1KEY", { value: secret }],
    ["OPENAGENTS_MNEMONIC", { value: secret }],
    ["openagents_x", { value: secret }],
    ["K".repeat(129), { value: secret }],
    ["KEY", { value: secret.slice(0, 3) }],
    ["KEY", { value: secret.repeat(4_000) }],
    ["KEY", { value: [secret] }],
    ["KEY", { value: `${secret}\ud800` }],
    ["KEY", { value: secret, more: secret }],
    ["KEY", secret],
    ["KEY", `{"value":"${secret}`],
    ["KEY", {}],
  ] as const) {
    const input = { body, headers: { "content-type": "application/json" } };
    const response = await f.call("PUT", `/secrets/${encodeURIComponent(name)}`, input);
    const text = await response.text();
    assert.equal(response.status, 400, `${name}: ${text}`);
    assert.equal(text.includes(secret.slice(3, 9)), false, text);
  }
  const removed = await f.call("DELETE", `/secrets/${secret}`);
  assert.equal((await removed.text()).includes(secret), false);
  assert.equal(removed.status, 404);
  const { length } = await files.list({ prefix: "", limit: 10 });
  assert.equal(length, 1);
});

void test("while the keys are locked names are there and values are not", async () => {
  const { stored, files, clock, learnt, learn } = home();
  await stored.set("KEY", "open sesame");
  const signer = lockedSigner(async () => derivedSigner(MNEMONIC));
  const secrets = storedSecrets({ files, clock, signer, learn });
  const source = secretSource({
    stored: secrets,
    env: { KEY: "of the environment", B: "b" },
    learn,
  });
  await using f = await fixture({ bindings: { secrets } });
  learnt.splice(0);
  const [status, problem] = await f.json("PUT", "/secrets/OTHER", { body: { value: "secret" } });
  assert.deepEqual([status, problem.code], [423, "LOCKED"]);
  const [, listed] = await f.json("GET", "/secrets");
  assert.deepEqual(listed, { items: [{ name: "KEY", setAt: 1_000 }] });
  // That there is another one of that name is no reason to give it.
  await assert.rejects(source("KEY"), { code: "LOCKED" });
  assert.equal(await source("B"), "b");
  await signer.lock!.open("the passphrase");
  assert.equal(await source("KEY"), "open sesame");
  assert.deepEqual(learnt, ["secret", "b", "open sesame"]);
  assert.equal((await f.call("DELETE", "/secrets/KEY")).status, 204);
  assert.equal(await source("KEY"), "of the environment");
});

void test("secretSource() gives variables that are text, and none of the home's own", async () => {
  const { stored, learn } = home();
  const env = {
    A: "a value",
    EMPTY: "",
    BINDING: { fetch: () => undefined },
    OPENAGENTS_MNEMONIC: "words",
    OpenAgents_Token: "token",
  };
  const source = secretSource({ stored, env, learn });
  assert.equal(await source("A"), "a value");
  await stored.set("A", "the stored one");
  assert.equal(await source("A"), "the stored one");
  for (const name of [
    "EMPTY",
    "BINDING",
    "OPENAGENTS_MNEMONIC",
    "OpenAgents_Token",
    "toString",
    "__proto__",
    "",
    "secrets/A",
    "../secrets/A",
    "A\n",
  ]) {
    assert.equal(await source(name), undefined, name);
  }
  assert.equal(await secretSource({ stored: undefined, env, learn })("A"), "a value");
});

void test("a secret of another home, or that somebody moved to another name, is not given", async () => {
  const { stored, files, clock, learn } = home();
  await stored.set("KEY", "open sesame");
  const value = (await files.read("secrets/KEY"))!;
  await files.write({ put: [{ path: "secrets/OTHER", value }] });
  await assert.rejects(stored.get("OTHER"), { code: "DENIED", message: /under another name/ });
  const other = storedSecrets({ files, clock, signer: derivedSigner(newMnemonic()), learn });
  await assert.rejects(other.get("KEY"), { code: "DENIED", message: /by another home/ });
});

void test("rememberedSecrets() looks once in three seconds, and knows what was changed through it", async () => {
  const { stored, clock } = home();
  let looks = 0;
  const counted: StoredSecrets = {
    ...stored,
    get(name) {
      looks += 1;
      return stored.get(name);
    },
  };
  const secrets = rememberedSecrets(counted, clock);
  assert.equal(await secrets.get("KEY"), undefined);
  assert.equal(await secrets.get("KEY"), undefined);
  assert.equal(looks, 1);
  await secrets.set("KEY", "first");
  for (let i = 0; i < 5; i += 1) assert.equal(await secrets.get("KEY"), "first");
  assert.equal(looks, 2);
  // In another isolate.
  await stored.set("KEY", "second");
  assert.equal(await secrets.get("KEY"), "first");
  clock.at += 3_000;
  assert.equal(await secrets.get("KEY"), "second");
  // A look that began before a change is not remembered.
  clock.at += 3_000;
  const slow = secrets.get("KEY");
  await secrets.remove("KEY");
  await slow;
  assert.equal(await secrets.get("KEY"), undefined);
});

void test("a home with no place for secrets says so", async () => {
  await using f = await fixture();
  const [status, problem] = await f.json("GET", "/secrets");
  assert.equal(problem.code, "CONFIG");
  assert.ok(status >= 500);
});
