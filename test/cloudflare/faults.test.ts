import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startWorkerd } from "../../scripts/workerd.ts";
import type { Workerd } from "../../scripts/workerd.ts";

let worker: Workerd;
before(async () => {
  worker = await startWorkerd({ entry: "test/cloudflare/faults.worker.ts" });
});
after(() => worker[Symbol.asyncDispose]());

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
  const response = await worker.fetch(path, init);
  return { status: response.status, body: (await response.json()) as Answer["body"] };
}

async function make(name: string, type: string): Promise<string> {
  const { status, body } = await call("POST", "/agents", { name, type });
  assert.equal(status, 201, JSON.stringify(body));
  return String(body["id"]);
}

const tell = (ref: string, payload: unknown): Promise<Answer> =>
  call("POST", `/agents/${ref}/send?wait`, { payload });

void test("an alarm that fires twice does its work once", async () => {
  await make("twice", "subject");
  await tell("twice", "alarm");
  await sleep(60);
  await call("GET", "/agents/twice/status?ring");
  await call("GET", "/agents/twice/status?ring");
  const { body } = await call("GET", "/agents/twice/state");
  assert.equal(body["fired"], 1);
  const verdict = await call("GET", "/agents/twice/trajectory/verify");
  assert.equal(verdict.body["ok"], true);
});

void test("a parked tick goes on after its object was evicted", async () => {
  await make("other", "slow");
  await make("evicted", "subject");
  const asked = { payload: "ask", id: "the-question" };
  await call("POST", "/agents/evicted/send", asked);
  for (const name of ["evicted", "other"]) {
    for (let i = 0; ; i += 1) {
      assert.ok(i < 200, `"${name}" to be parked`);
      const { body } = await call("GET", `/agents/${name}/status`);
      if ((body["parked"] as string[]).length === 1) break;
      await sleep(10);
    }
    const { status, body } = await call("GET", `/agents/${name}/status?evict`);
    assert.equal(status, 503);
    assert.equal(body["code"], "UNREACHABLE");
  }
  const answer = await call("POST", "/agents/evicted/send?wait", asked);
  assert.deepEqual([answer.body["receipt"], answer.body["replies"]], ["duplicate", ["asked"]]);
  const { body } = await call("GET", "/agents/evicted/state");
  assert.deepEqual(body["answers"], ["answer to question"]);
});

void test("a value of 6 MB is stored, survives a crash, and is on the record", async () => {
  await make("large", "subject");
  assert.equal((await tell("large", "large")).body["outcome"], "done");
  await worker.kill();
  await worker.start();
  assert.deepEqual((await tell("large", "length")).body["replies"], [2 * 1024 * 1024]);
  assert.equal((await call("GET", "/agents/large/trajectory/verify")).body["ok"], true);
});

void test("a directory that does not answer is an error that says so, and mail by id goes on", async () => {
  const id = await make("known", "subject");
  const list = await call("GET", "/agents?broken=all");
  assert.deepEqual([list.status, list.body["code"]], [503, "STORE"]);
  assert.match(String(list.body["detail"]), /directory: its shard \d+ does not answer/);
  const made = await call("POST", "/agents?broken=all", { name: "unknown", type: "subject" });
  assert.deepEqual([made.status, made.body["code"]], [503, "STORE"]);
  const sent = await call("POST", `/agents/${id}/send?wait&broken=all`, { payload: "hello" });
  assert.equal(sent.body["outcome"], "done");
  assert.equal((await call("GET", "/agents/unknown")).status, 404);
  await make("unknown", "subject");
});

void test("an agent whose object was not told of it is made when it is next asked for", async () => {
  for (const name of ["wanted-1", "wanted-2", "half"]) {
    const made =
      name === "half"
        ? await call("POST", "/agents?cut=admit", { name, type: "subject" })
        : await call("GET", `/agents/${name}?cut=admit`);
    assert.equal(made.status, 503, JSON.stringify(made.body));
  }
  const { status, body } = await call("GET", "/agents/wanted-1");
  assert.deepEqual([status, body["name"]], [200, "wanted-1"]);
  // A body is not kept, so this one comes again.
  assert.deepEqual((await tell("half", "hello")).status, 503);
  assert.equal((await tell("half", "hello")).body["outcome"], "done");
  await make("teller", "teller");
  await tell("teller", "wanted-2");
  for (let i = 0; ; i += 1) {
    assert.ok(i < 200, "the mail to have arrived");
    const wanted = await call("GET", "/agents/wanted-2/status");
    if (wanted.body["ticks"] === 2) break;
    await sleep(10);
  }
  const dead = await call("GET", "/agents/teller/deadletter");
  assert.deepEqual(dead.body["items"], []);
});

void test("an agent whose object ended in the middle of its birth keeps its name and its key", async () => {
  const made = await call("POST", "/agents?cut=half", { name: "half-made", type: "subject" });
  assert.equal(made.status, 503, JSON.stringify(made.body));
  const listed = await call("GET", "/agents?limit=1000");
  const items = listed.body["items"] as { name: string; id: string }[];
  const id = items.find(({ name }) => name === "half-made")?.id;
  await make("half-teller", "teller");
  await tell("half-teller", "half-made");
  for (let i = 0; ; i += 1) {
    assert.ok(i < 200, "the mail to have arrived");
    const wanted = await call("GET", "/agents/half-made/status");
    if (wanted.body["ticks"] === 2) break;
    await sleep(10);
  }
  assert.equal((await call("GET", "/agents/half-made")).body["id"], id);
  // The same when nobody writes to it.
  await call("POST", "/agents?cut=half", { name: "half-asked", type: "subject" });
  const asked = await call("GET", "/agents/half-asked/status");
  assert.equal(asked.status, 200, JSON.stringify(asked.body));
  assert.deepEqual((await call("GET", "/agents/half-teller/deadletter")).body["items"], []);
});

void test("a name whose agent was erased is given to a new agent, with a new key", async () => {
  const first = await make("again", "subject");
  assert.equal((await worker.fetch(`/agents/${first}?purge`, { method: "DELETE" })).status, 204);
  assert.notEqual(await make("again", "subject"), first);
});

void test("a list is whole and in pages, and a strange cursor is refused", async () => {
  const names = Array.from({ length: 40 }, (_, i) => `listed-${i}`);
  for (const name of names) await make(name, "slow");
  const seen: string[] = [];
  let cursor = "";
  do {
    const { body } = await call("GET", `/agents?type=slow&limit=7${cursor}`);
    const items = body["items"] as { name: string }[];
    assert.ok(items.length <= 7);
    seen.push(...items.map(({ name }) => name));
    cursor = body["cursor"] === undefined ? "" : `&cursor=${body["cursor"] as string}`;
  } while (cursor !== "");
  const listed = seen.filter((name) => name.startsWith("listed-"));
  assert.deepEqual(listed.toSorted(), names.toSorted());
  for (const strange of ["x", "99", "-1", "1:x", "1:2:3"]) {
    assert.equal((await call("GET", `/agents?cursor=${strange}`)).status, 400, strange);
  }
});

void test("what needs a secret says which one is missing", async () => {
  await using bare = await startWorkerd({
    entry: "test/cloudflare/faults.worker.ts",
    env: { OPENAGENTS_TOKEN: "" },
  });
  const response = await bare.fetch("/agents");
  assert.equal(response.status, 500);
  assert.match(await response.text(), /OPENAGENTS_TOKEN/);
});
