import assert from "node:assert/strict";
import { test } from "node:test";
import { OpenAgentsError } from "../../src/core/errors.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { lockedSigner } from "../../src/identity/locked-signer.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";
import { decodeNpub, encodeNsec } from "../../src/identity/nip19.ts";
import { decodeNcryptsec, encodeNcryptsec } from "../../src/identity/nip49.ts";
import { nobleSecp } from "../../src/identity/secp.ts";
import { fixture } from "./fixture.ts";
import type { Body } from "./fixture.ts";

const SECRET = new Uint8Array(32).fill(9);
const NSEC = encodeNsec(SECRET);

/** Asserts a problem document, and gives its detail. */
function problem([status, body]: [number, Body], expected: number, code: string): string {
  assert.deepEqual([status, body.code], [expected, code], body.detail);
  return body.detail ?? "";
}

void test("GET /runtime/identity and /agents/{ref}/key show public keys, and where one is from", async () => {
  await using f = await fixture();
  const [, home] = await f.json("GET", "/runtime/identity");
  assert.deepEqual(Object.keys(home), ["npub", "publicKey"]);
  assert.equal(decodeNpub(String(home["npub"])), home["publicKey"]);
  const { id: npub, publicKey } = await f.runtime.get("ada");
  const [status, key] = await f.json("GET", "/agents/ada/key");
  assert.deepEqual([status, key], [200, { npub, publicKey, source: "derived", account: 0 }]);
  problem(await f.json("GET", "/agents/nobody/key"), 404, "NOT_FOUND");
});

void test("POST /agents takes a key that the agent brings along", async () => {
  await using f = await fixture();
  const create = (body: object): Promise<[number, Body]> =>
    f.json("POST", "/agents", { body: { type: "echo", ...body } });
  const [status, bob] = await create({ name: "bob", key: NSEC });
  assert.deepEqual([status, bob["publicKey"]], [201, nobleSecp.publicKey(SECRET)]);
  assert.deepEqual([bob["key"], bob["account"]], [undefined, undefined]);
  const [, shown] = await f.json("GET", "/agents/bob/key");
  assert.equal(shown["source"], "imported");

  assert.match(problem(await create({ name: "eve", key: NSEC }), 409, "EXISTS"), /"bob" has this/);
  await f.call("DELETE", "/agents/bob");
  problem(await create({ name: "eve", key: NSEC }), 409, "EXISTS");
  await f.call("DELETE", `/agents/${String(bob["id"])}?purge`);
  const ncryptsec = await encodeNcryptsec(SECRET, "a password");
  problem(await create({ name: "eve", key: ncryptsec }), 403, "DENIED");
  problem(await create({ name: "eve", key: ncryptsec, password: "x" }), 403, "DENIED");
  problem(await create({ name: "eve", key: NSEC, password: "a password" }), 400, "INVALID");
  problem(await create({ name: "eve", password: "a password" }), 400, "INVALID");
  problem(await create({ name: "eve", key: "" }), 400, "INVALID");
  problem(await create({ name: "eve", key: 7 }), 400, "INVALID");
  const [created, eve] = await create({ name: "eve", key: ncryptsec, password: "a password" });
  assert.deepEqual([created, eve["id"]], [201, bob["id"]]);
  const [, answer] = await f.json("POST", "/agents/eve/send?wait=60s", { body: { text: "hello" } });
  assert.equal(answer["outcome"], "done");
});

void test("a body that is no JSON is not quoted", async () => {
  await using f = await fixture();
  for (const body of [NSEC, `{"key":${NSEC}}`, `{"name":"x" ${NSEC}`, `{"key":"${NSEC}`]) {
    const headers = { "content-type": "application/json" };
    const detail = problem(await f.json("POST", "/agents", { body, headers }), 400, "INVALID");
    assert.match(detail, /^Cannot parse body: it is not JSON( at position \d+)?$/);
  }
});

void test("POST /agents/{ref}/key/export gives the key under a password, and nothing keeps the answer", async () => {
  await using f = await fixture();
  const path = "/agents/ada/key/export";
  const response = await f.call("POST", path, { body: { password: "a password" } });
  assert.equal(response.headers.get("cache-control"), "no-store");
  const { ncryptsec } = (await response.json()) as { ncryptsec: string };
  const secret = await decodeNcryptsec(ncryptsec, "a password");
  assert.equal(nobleSecp.publicKey(secret), (await f.runtime.get("ada")).publicKey);
  // It was on the record before it was given out.
  const { lastTick } = await f.runtime.status("ada");
  assert.deepEqual(
    lastTick?.keys?.map(({ use, for: what }) => [use, what]),
    [["export", "ncryptsec"]],
  );
  for (const body of [{}, { password: "" }, { password: 7 }, { password: "x", more: 1 }]) {
    problem(await f.json("POST", path, { body }), 400, "INVALID");
  }
  const none = { body: { password: "a password" } };
  problem(await f.json("POST", "/agents/nobody/key/export", none), 404, "NOT_FOUND");
});

void test("POST /runtime/unlock opens what is locked", async () => {
  const signer = lockedSigner(async (passphrase) => {
    if (passphrase === "right") return derivedSigner(newMnemonic());
    throw new OpenAgentsError("DENIED", "Cannot open: the passphrase is wrong");
  });
  await using f = await fixture({ signer });
  const unlock = (body: object): Promise<[number, Body]> =>
    f.json("POST", "/runtime/unlock", { body });
  const locked = async (): Promise<unknown> =>
    (await f.json("GET", "/runtime/status"))[1]["locked"];
  assert.equal(await locked(), true);
  problem(await f.json("GET", "/runtime/identity"), 423, "LOCKED");
  const wanted = { body: { name: "bob", type: "echo" } };
  problem(await f.json("POST", "/agents", wanted), 423, "LOCKED");
  problem(await unlock({ passphrase: "wrong" }), 403, "DENIED");
  for (const body of [
    {},
    { passphrase: "" },
    { passphrase: 7 },
    { passphrase: "right", more: 1 },
  ]) {
    problem(await unlock(body), 400, "INVALID");
  }
  assert.equal(await locked(), true);
  assert.equal((await unlock({ passphrase: "right" }))[0], 204);
  assert.equal(await locked(), false);
  assert.equal((await unlock({ passphrase: "whatever" }))[0], 204);
  assert.equal((await f.json("GET", "/agents/ada"))[0], 200, "it was to be there from the start");
  assert.equal((await f.json("POST", "/agents", wanted))[0], 201);
});

void test("POST /runtime/unlock is refused where keys are never locked", async () => {
  await using f = await fixture();
  const refused = await f.json("POST", "/runtime/unlock", { body: { passphrase: "x" } });
  assert.match(problem(refused, 400, "INVALID"), /never locked/);
});
