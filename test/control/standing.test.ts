import assert from "node:assert/strict";
import { test } from "node:test";
import { bearerAccess } from "../../src/control/bearer-access.ts";
import { tokenStanding } from "../../src/control/standing.ts";
import { tickStream } from "../../src/control/stream.ts";
import { storedTokens } from "../../src/control/tokens.ts";
import { systemRandom } from "../../src/core/system.ts";
import { memoryHomeFiles } from "../../src/stores/memory/home-files.ts";
import { fixture, TOKEN } from "./fixture.ts";

function home() {
  const clock = { at: 1_000_000, now: () => clock.at };
  const kept = memoryHomeFiles();
  const reads = { count: 0 };
  const files = {
    ...kept,
    read: async (path: string) => {
      reads.count += 1;
      return kept.read(path);
    },
  };
  const tokens = storedTokens({ files: kept, clock, random: systemRandom });
  return { clock, files, reads, tokens, stillGood: tokenStanding({ files, clock }) };
}

void test("tokenStanding() looks once in five seconds for each token, and for no one else", async () => {
  const { clock, reads, tokens, stillGood } = home();
  const expiresAt = clock.at + 60_000;
  const { id } = await tokens.create({ name: "a", scope: "read", expiresAt });
  const principal = { id: `token:${id}`, scope: "read" } as const;
  assert.deepEqual(await Promise.all([stillGood(principal), stillGood(principal)]), [true, true]);
  for (let i = 0; i < 5; i += 1) assert.equal(stillGood(principal), true);
  assert.equal(reads.count, 1);
  clock.at += 58_000;
  assert.equal(await stillGood(principal), true);
  clock.at = expiresAt;
  assert.equal(stillGood(principal), false, "it ends at its time and not later");
  assert.equal(reads.count, 2);
  assert.equal(stillGood({ id: "root", scope: "admin" }), true);
  assert.equal(reads.count, 2);

  const other = await tokens.create({ name: "b", scope: "read" });
  const theirs = { id: `token:${other.id}`, scope: "read" } as const;
  assert.equal(await stillGood(theirs), true);
  await tokens.revoke(other.id);
  assert.equal(stillGood(theirs), true);
  clock.at += 5_000;
  assert.equal(await stillGood(theirs), false);
});

void test("tokenStanding() says nothing of what it cannot look at, and looks again", async () => {
  const { files, clock } = home();
  const fault = { is: true };
  const read = async (path: string): Promise<string | undefined> => {
    if (fault.is) throw new Error("away");
    return files.read(path);
  };
  const stillGood = tokenStanding({ files: { ...files, read }, clock });
  const principal = { id: "token:0", scope: "read" } as const;
  await assert.rejects(async () => stillGood(principal), /away/);
  fault.is = false;
  assert.equal(await stillGood(principal), false);
});

void test("a stream of server-sent events ends, before the next event, when its token is revoked", async () => {
  const { clock, files, tokens, stillGood } = home();
  await using f = await fixture({
    access: bearerAccess({ token: TOKEN, tokens }),
    stillGood,
    bindings: { tokens },
  });
  const { id, token } = await tokens.create({ name: "a", scope: "read" });
  const headers = { authorization: `Bearer ${token}` };
  const response = await f.api.request("/agents/ada/stream", { headers });
  assert.equal(response.status, 200);
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  await reader.read();
  await f.runtime.ask("ada", { payload: "one" }, { timeout: 60_000 });
  assert.match((await reader.read()).value ?? "", /event: /);
  await tokens.revoke(id);
  clock.at += 5_000;
  const rest = (async () => {
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text;
      text += value;
    }
  })();
  await f.runtime.ask("ada", { payload: "secret" }, { timeout: 60_000 });
  assert.equal((await rest).includes("secret"), false);
  assert.equal(await files.read(`tokens/${id}`), undefined);
});

void test("a stream on which nothing happens ends at a heartbeat, once it may not go on", async () => {
  await using f = await fixture();
  await f.runtime.settled();
  const rights = { good: true };
  const stream = await tickStream(f.runtime, "ada", { heartbeat: 5, mayGoOn: () => rights.good });
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  await reader.read();
  assert.match((await reader.read()).value ?? "", /heartbeat/);
  rights.good = false;
  while (!(await reader.read()).done);
});
