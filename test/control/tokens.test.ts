import assert from "node:assert/strict";
import { test } from "node:test";
import { bearerAccess } from "../../src/control/bearer-access.ts";
import { idempotency } from "../../src/control/idempotency.ts";
import { OPERATIONS } from "../../src/control/operations.ts";
import { rateLimit } from "../../src/control/rate-limit.ts";
import { rememberedTokens, storedTokens } from "../../src/control/tokens.ts";
import type { Tokens } from "../../src/control/tokens.ts";
import { systemRandom } from "../../src/core/system.ts";
import { memoryHomeFiles } from "../../src/stores/memory/home-files.ts";
import { fixture, TOKEN } from "./fixture.ts";
import type { Fixture } from "./fixture.ts";

/** A home with stored tokens, and a time of its own. */
async function home() {
  const clock = { at: 1_000_000, now: () => clock.at };
  const files = memoryHomeFiles();
  const tokens = storedTokens({ files, clock, random: systemRandom });
  const f = await fixture({
    access: bearerAccess({ token: TOKEN, tokens }),
    rates: rateLimit(clock),
    bindings: { tokens, idempotency: idempotency({ files, clock }) },
  });
  return { clock, files, tokens, f, [Symbol.asyncDispose]: () => f[Symbol.asyncDispose]() };
}

function as(token: string): { readonly headers: { readonly authorization: string } } {
  return { headers: { authorization: `Bearer ${token}` } };
}

async function statusOf(f: Fixture, token: string, ask: string, body?: object): Promise<number> {
  const [method = "", path = ""] = ask.split(" ");
  return (await f.call(method, path, { ...as(token), ...(body && { body }) })).status;
}

void test("a token is shown once, kept as its hash, and lets in until it is revoked", async () => {
  await using h = await home();
  const { f, files } = h;
  const [status, made] = await f.json("POST", "/tokens", { body: { name: "ci", scope: "read" } });
  assert.equal(status, 201);
  const token = String(made["token"]);
  assert.match(token, /^oat_[0-9a-f]{16}_[\w-]{43}[0-9A-Za-z]{6}$/);
  assert.equal(await statusOf(f, token, "GET /agents/ada"), 200);
  const [, list] = await f.json("GET", "/tokens");
  assert.equal(JSON.stringify(list).includes(token), false);
  const kept = await files.list({ prefix: "", limit: 100 });
  assert.equal(JSON.stringify(kept).includes(token), false);
  assert.equal(await statusOf(f, `${token.slice(0, -1)}_`, "GET /agents/ada"), 401);
  assert.equal(await statusOf(f, TOKEN, `DELETE /tokens/${String(made["id"])}`), 204);
  assert.equal(await statusOf(f, token, "GET /agents/ada"), 401);
  assert.equal(await statusOf(f, TOKEN, `DELETE /tokens/${String(made["id"])}`), 404);
});

void test("a token does what its scope has, operation by operation, and nothing above", async () => {
  await using h = await home();
  const scopes = ["read", "operate", "admin"] as const;
  for (const scope of scopes) {
    const { token } = await h.tokens.create({ name: scope, scope });
    for (const operation of OPERATIONS) {
      const needed = scopes.indexOf(operation.scope as "read");
      if (needed < 0 || operation.id === "streamAgent") continue;
      const path = operation.path.replaceAll(/\{\w+\}/g, "nobody");
      const status = await statusOf(h.f, token, `${operation.method.toUpperCase()} ${path}`);
      assert.equal(status === 403, needed > scopes.indexOf(scope), `${scope} ${operation.id}`);
      assert.notEqual(status, 401);
    }
  }
});

void test("a bound token reaches its agents, by name, id and label, and sees no others", async () => {
  await using h = await home();
  const { f, tokens } = h;
  await f.runtime.create({ name: "bob", type: "echo", labels: ["team:a"] });
  await f.runtime.create({ name: "eve", type: "echo" });
  const { id } = await f.runtime.get("ada");
  const bounds = { agents: [id], labels: ["team:a"] };
  const { token } = await tokens.create({ name: "a", scope: "operate", ...bounds });
  for (const ref of ["ada", id, "bob"]) {
    assert.equal(await statusOf(f, token, `GET /agents/${ref}`), 200);
    assert.equal(await statusOf(f, token, `POST /agents/${ref}/send`, { text: "x" }), 202);
  }
  assert.equal(await statusOf(f, token, "GET /agents/eve"), 403);
  // Whether somebody else is there is not for them to know.
  assert.equal(await statusOf(f, token, "GET /agents/nobody"), 403);
  for (const path of ["/runtime/resolve?name=eve", "/runtime/metrics", "/schedules", "/tokens"]) {
    assert.equal(await statusOf(f, token, `GET ${path}`), 403, path);
  }
  assert.equal(await statusOf(f, token, "GET /runtime/status"), 200);
  assert.equal(await statusOf(f, token, "PATCH /agents/bob", { labels: ["team:b"] }), 403);
  assert.equal(await statusOf(f, token, "DELETE /agents/bob?purge"), 403);
  assert.equal(await statusOf(f, token, "POST /agents/eve/send", { text: "x" }), 403);
  assert.equal(await statusOf(f, token, "POST /agents", { name: "n", type: "echo" }), 403);
  const [, page] = await f.json("GET", "/agents", as(token));
  const names = (page["items"] as { name: string }[]).map(({ name }) => name);
  assert.deepEqual(names, ["ada", "bob"]);
});

void test("a token ends at its time", async () => {
  await using h = await home();
  const expiresAt = h.clock.at + 1000;
  const { token } = await h.tokens.create({ name: "a", scope: "read", expiresAt });
  assert.equal(await statusOf(h.f, token, "GET /agents"), 200);
  h.clock.at = expiresAt;
  assert.equal(await statusOf(h.f, token, "GET /agents"), 401);
});

void test("a token makes as many requests a minute as its rate, and hears how many are left", async () => {
  await using h = await home();
  const { token } = await h.tokens.create({ name: "a", scope: "read", rate: 3 });
  const ask = () => h.f.call("GET", "/agents", as(token));
  for (const left of [2, 1, 0]) {
    const response = await ask();
    assert.equal(response.status, 200);
    assert.match(response.headers.get("ratelimit") ?? "", new RegExp(`;r=${left};`));
    assert.equal(response.headers.get("ratelimit-policy"), '"token";q=3;w=60');
  }
  const refused = await ask();
  assert.equal(refused.status, 429);
  assert.equal(((await refused.json()) as { code: string }).code, "RATE_LIMITED");
  assert.equal(refused.headers.get("retry-after"), "20");
  assert.match(refused.headers.get("ratelimit") ?? "", /;r=0;/);
  h.clock.at += 20_000;
  assert.equal((await ask()).status, 200);
  assert.equal((await ask()).status, 429);
  assert.equal(await statusOf(h.f, TOKEN, "GET /agents"), 200);
});

void test("a POST under an Idempotency-Key is done once, and answered the same", async () => {
  await using h = await home();
  const { f } = h;
  const headers = { "idempotency-key": "k1" };
  const body = { name: "bob", type: "echo" };
  const first = await f.call("POST", "/agents", { body, headers });
  const again = await f.call("POST", "/agents", { body, headers });
  assert.equal(again.status, 201);
  assert.equal(again.headers.get("idempotency-replayed"), "true");
  assert.equal(again.headers.get("location"), first.headers.get("location"));
  assert.deepEqual(await again.json(), await first.json());
  const other = { body: { name: "eve", type: "echo" }, headers };
  assert.equal((await f.call("POST", "/agents", other)).status, 422);
  // Of somebody else it is another key.
  const { token } = await h.tokens.create({ name: "a", scope: "operate" });
  const theirs = { body, headers: { ...headers, ...as(token).headers } };
  assert.equal((await f.call("POST", "/agents", theirs)).status, 409);
  // What failed may be tried again.
  const bad = { headers: { "idempotency-key": "k2" }, body: { name: "cy", type: "no" } };
  assert.equal((await f.call("POST", "/agents", bad)).status, 400);
  const good = { ...bad, body: { name: "cy", type: "echo" } };
  assert.equal((await f.call("POST", "/agents", good)).status, 201);
  // After a day the key is free.
  h.clock.at += 86_400_001;
  assert.equal((await f.call("POST", "/agents", { body, headers })).status, 409);
});

void test("requests under one key at the same time are one, and the others are told to wait", async () => {
  await using h = await home();
  const headers = { "idempotency-key": "k" };
  const body = { name: "bob", type: "echo" };
  const all = await Promise.all(
    Array.from({ length: 20 }, () => h.f.call("POST", "/agents", { body, headers })),
  );
  const statuses = all.map(({ status }) => status);
  assert.ok(statuses.includes(201));
  assert.ok(
    statuses.every((status) => status === 201 || status === 409),
    String(statuses),
  );
  const agents = await h.f.runtime.list();
  assert.equal(agents.items.filter(({ name }) => name === "bob").length, 1);
});

void test("an answer with a secret is not kept under an Idempotency-Key", async () => {
  await using h = await home();
  const input = { headers: { "idempotency-key": "k" }, body: { name: "ci", scope: "read" } };
  const [status, made] = await h.f.json("POST", "/tokens", input);
  assert.equal(status, 201);
  assert.equal((await h.f.call("POST", "/tokens", input)).status, 409);
  const kept = await h.files.list({ prefix: "", limit: 100 });
  assert.equal(JSON.stringify(kept).includes(String(made["token"])), false);
  assert.equal((await h.tokens.list("", 10)).length, 1);
});

void test("rememberedTokens() looks once in five seconds, and forgets what it revokes", async () => {
  const clock = { at: 0, now: () => clock.at };
  const stored = storedTokens({ files: memoryHomeFiles(), clock, random: systemRandom });
  let looks = 0;
  const counted: Tokens = {
    ...stored,
    check(token) {
      looks += 1;
      return stored.check(token);
    },
  };
  const tokens = rememberedTokens(counted, clock);
  const { id, token } = await tokens.create({ name: "a", scope: "read" });
  for (let i = 0; i < 5; i += 1) assert.equal((await tokens.check(token))?.scope, "read");
  assert.equal(looks, 1);
  await stored.revoke(id);
  assert.equal((await tokens.check(token))?.scope, "read");
  clock.at += 5_000;
  assert.equal(await tokens.check(token), undefined);
  const second = await tokens.create({ name: "b", scope: "read" });
  await tokens.check(second.token);
  await tokens.revoke(second.id);
  assert.equal(await tokens.check(second.token), undefined);
});

void test("a token is bound by key, whatever names agents have later, and to what can be there", async () => {
  await using h = await home();
  const { f } = h;
  const { publicKey } = await f.runtime.get("ada");
  await f.runtime.create({ name: "bob", type: "echo" });
  for (const ref of ["ada", publicKey]) {
    const body = { name: "t", scope: "read", agents: [ref] };
    const [, made] = await f.json("POST", "/tokens", { body });
    assert.equal(await statusOf(f, String(made["token"]), "GET /agents/ada"), 200, ref);
  }
  const [, made] = await f.json("POST", "/tokens", {
    body: { name: "t", scope: "read", agents: ["ada"] },
  });
  await f.runtime.update("ada", { name: "old" });
  await f.runtime.update("bob", { name: "ada" });
  assert.equal(await statusOf(f, String(made["token"]), "GET /agents/ada"), 403);
  assert.equal(await statusOf(f, String(made["token"]), "GET /agents/old"), 200);
  for (const [wrong, status] of [
    [{ agents: [] }, 400],
    [{ agents: ["nobody"] }, 404],
    [{ agents: ["a/b"] }, 400],
    [{ labels: ["ü"] }, 400],
    [{ labels: [] }, 400],
    [{ expiresAt: 1 }, 400],
  ] as const) {
    const body = { name: "t", scope: "read", ...wrong };
    assert.equal((await f.call("POST", "/tokens", { body })).status, status, JSON.stringify(wrong));
  }
});

void test("a token's mail has ids of its own, so that nobody takes the place of another's", async () => {
  await using h = await home();
  const send = async (token: string): Promise<unknown> => {
    const headers = { ...as(token).headers, "idempotency-key": "order/1" };
    const [, sent] = await h.f.json("POST", "/agents/ada/send", { body: { text: "x" }, headers });
    return sent["receipt"];
  };
  const one = await h.tokens.create({ name: "a", scope: "operate" });
  const two = await h.tokens.create({ name: "b", scope: "operate" });
  const tokens = [one.token, two.token, TOKEN];
  for (const token of tokens) assert.equal(await send(token), "accepted");
  for (const token of tokens) assert.equal(await send(token), "duplicate");
});

void test("a wrong token costs no look at the files, or one in five seconds for its id", async () => {
  const clock = { at: 0, now: () => clock.at };
  const files = memoryHomeFiles();
  const stored = storedTokens({ files, clock, random: systemRandom });
  let reads = 0;
  const counted = {
    read: (path: string) => {
      reads += 1;
      return files.read(path);
    },
    list: files.list.bind(files),
    write: files.write.bind(files),
    close: async () => {},
  };
  const tokens = storedTokens({ files: counted, clock, random: systemRandom });
  const { token, id } = await stored.create({ name: "a", scope: "read" });
  for (let i = 0; i < token.length; i += 1) {
    const slip = token.slice(0, i) + (token[i] === "x" ? "y" : "x") + token.slice(i + 1);
    assert.equal(await tokens.check(slip), undefined, slip);
  }
  assert.equal(await tokens.check(token.slice(0, -6)), undefined);
  assert.equal(reads, 0);
  await stored.revoke(id);
  for (let i = 0; i < 10; i += 1) assert.equal(await tokens.check(token), undefined);
  assert.equal(reads, 1);
  clock.at += 5_000;
  assert.equal(await tokens.check(token), undefined);
  assert.equal(reads, 2);
  // One that is made is good at once.
  const made = await tokens.create({ name: "b", scope: "read" });
  assert.equal((await tokens.check(made.token))?.scope, "read");
});
