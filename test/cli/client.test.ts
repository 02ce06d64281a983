import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { OpenAgentsError } from "../../src/core/errors.ts";
import type * as z from "zod";
import { OPERATIONS } from "../../src/control/operations.ts";
import { agentSocket, moveAgent, remoteRuntime } from "../../src/control/remote-runtime.ts";
import type { Connection, RemoteHome } from "../../src/control/remote-runtime.ts";
import type * as agents from "../../src/control/shapes/agent.ts";
import type * as homes from "../../src/control/shapes/home.ts";
import type * as mails from "../../src/control/shapes/mail.ts";
import type * as moves from "../../src/control/shapes/move.ts";
import type * as records from "../../src/control/shapes/record.ts";
import type * as schedules from "../../src/control/shapes/schedule.ts";
import type * as hooks from "../../src/control/shapes/webhook.ts";
import type * as work from "../../src/control/shapes/work.ts";
import { assertContract, assertFits, operationOf } from "../control/contract.ts";
import { project } from "./project.ts";
import type { Daemon, Project } from "./project.ts";

const projects: readonly Project[] = [project(), project()];
let home: RemoteHome;
let other: RemoteHome;
/** The operations that were asked for, all with bodies and answers that fit the document. */
const asked = new Set<string>();

async function open(p: Project): Promise<{ home: RemoteHome; url: string; token: string }> {
  const daemon: Daemon = await p.start({ args: ["--allow-private-webhooks"] });
  const token = readFileSync(join(p.data, "token"), "utf8").trim();
  const home = remoteRuntime({
    url: daemon.url,
    token,
    async fetcher(address, init) {
      const { method = "GET", body } = init;
      const operation = operationOf(method, new URL(address).pathname);
      assert.ok(operation, `${method} ${address} is no operation`);
      if (typeof body === "string") {
        const { schema } = operation.requestBody!.content["application/json"]!;
        assertFits(schema, JSON.parse(body), `${method} ${address}`);
      }
      const response = await fetch(address, init);
      await assertContract(method, address.slice(daemon.url.length), response);
      asked.add(operation.operationId);
      return response;
    },
  });
  return { home, url: daemon.url, token };
}

let connection: Connection;
let there: Connection;

before(async () => {
  const [one, two] = await Promise.all(projects.map(open));
  [home, connection] = [one!.home, one!];
  [other, there] = [two!.home, two!];
});

after(async () => {
  for (const p of projects) await p[Symbol.asyncDispose]();
});

void test("the client makes, reads, changes and ends agents", async () => {
  const made = await home.create({ name: "ada", type: "greeter", labels: ["team=a"] });
  assert.deepEqual(await home.get("ada"), { ...made, status: (await home.get("ada")).status });
  const page = await home.list({ label: "team=a" });
  assert.deepEqual(
    page.items.map(({ name }) => name),
    ["ada"],
  );
  const changed = await home.update("ada", { labels: ["team=b"] }, { ifMatch: made.revision });
  assert.deepEqual(changed.labels, ["team=b"]);
  const stale = home.update("ada", { labels: [] }, { ifMatch: made.revision });
  await assert.rejects(stale, { code: "PRECONDITION" });
  assert.equal((await home.pause("ada")).status, "paused");
  assert.notEqual((await home.resume("ada")).status, "paused");
  assert.deepEqual(await home.cancel("ada"), { cancelled: undefined });
  assert.equal((await home.tick("ada")).outcome, "done");
  assert.equal((await home.hibernate("ada")).outcome, "done");
  assert.equal((await home.wake("ada")).outcome, "done");
  assert.equal((await home.status("ada")).name, "ada");
  assert.deepEqual(await home.state("ada"), { greeted: 0 });
  assert.deepEqual(await home.peers("ada", "", 10), []);
  const { npub } = await home.resolve("ada");
  assert.equal(npub, made.id);
  assert.equal((await home.key("ada")).npub, npub);
  assert.match(await home.exportKey("ada", "a password"), /^ncryptsec1/);
  await home.create({ name: "eve", type: "quiet" });
  await home.terminate("eve");
  await home.create({ name: "eva", type: "quiet" });
  await home.purge("eva");
  await assert.rejects(home.get("eva"), { code: "NOT_FOUND" });
});

void test("the client has goals, memory, alarms and logs", async () => {
  await home.create({ name: "gus", type: "greeter" });
  const goal = await home.addGoal("gus", { title: "Greet everybody" });
  assert.equal((await home.updateGoal("gus", goal.id, { progress: 0.5 })).progress, 0.5);
  assert.deepEqual(
    (await home.goals("gus", "", 10)).map(({ id }) => id),
    [goal.id],
  );
  await home.updateGoal("gus", goal.id, { result: "All were there" });
  const [hit] = await home.searchMemory("gus", "were everyb*", { in: ["goals", "kv"], limit: 5 });
  assert.deepEqual([hit?.id, hit?.text], [goal.id, "Greet everybody\nAll were there"]);
  assert.deepEqual(await home.searchMemory("gus", "everybody", { in: ["kv"] }), []);
  await home.removeGoal("gus", goal.id);
  assert.deepEqual(await home.goals("gus", "", 10), []);
  assert.ok(Array.isArray((await home.files("gus")).items));
  assert.deepEqual(await home.alarms("gus", "", 10), []);
  await home.ask("gus", { payload: "Ada" }, { timeout: 30_000 });
  const { items } = await home.logs("gus", { level: "info" });
  assert.deepEqual(
    items.map(({ text }) => text),
    ["greeting"],
  );
});

void test("the client sends, asks and reads the record", async () => {
  await home.create({ name: "ben", type: "greeter" });
  const sent = await home.send("ben", { payload: "Ada", id: "one" });
  assert.deepEqual(sent, { id: "one", receipt: "accepted" });
  const again = await home.ask("ben", { payload: "Ada", id: "one" }, { timeout: 30_000 });
  assert.deepEqual(again.replies, ["Hello Ada, you are number 1"]);
  const failed = await home.ask("ben", { payload: "fail", id: "two" }, { timeout: 30_000 });
  assert.equal(failed.outcome, "failed");
  assert.equal((await home.deadLetters("ben", 0, 10))[0]?.envelope.id, "two");
  await home.replay("ben", "two");
  await home.ask("ben", { payload: "fail", id: "three" }, { timeout: 30_000 });
  await home.discard("ben", "three");
  assert.deepEqual(await home.inbox("ben", 0, 10), []);
  const [first] = await home.log("ben", 0, 1);
  const [tick] = await home.ticks("ben", 0, 1);
  assert.equal(first?.hash, tick?.hash);
  assert.deepEqual(await home.tickAt("ben", 1), tick);
  assert.equal((await home.verify("ben")).ok, true);
  const seen: string[] = [];
  for await (const { event, id } of home.stream("ben", { after: "0", events: ["reply"] })) {
    seen.push(`${event} ${id !== ""}`);
    break;
  }
  assert.deepEqual(seen, ["reply true"]);
  const socket = agentSocket({ ...connection, agent: "ben" });
  const { replies } = await socket.ask({ payload: "Eve" });
  socket.close();
  assert.deepEqual(replies, ["Hello Eve, you are number 2"]);
  asked.add("connectAgent");
});

void test("the client has the home, its keys and its figures", async () => {
  assert.equal(await home.health(), true);
  assert.equal(await home.ready(), true);
  assert.equal((await home.document())["openapi"], "3.1.0");
  assert.deepEqual((await home.runtimeStatus()).types, ["greeter", "quiet"]);
  assert.match(await home.metricsText(), /^# HELP /);
  assert.match(await home.metricsText("greeter"), /^# HELP /);
  assert.match((await home.identity()).npub, /^npub1/);
  await home.pauseAll();
  assert.equal(await home.paused(), true);
  await home.resumeAll();
  assert.equal(await home.paused(), false);
  await home.unlock("nothing is locked").catch(() => undefined);
});

void test("the client makes tokens that let in as far as they go, and revokes them", async () => {
  const made = await home.tokens.create({ name: "watch", scope: "read", agents: ["greeter"] });
  const watcher = remoteRuntime({ url: connection.url, token: made.token });
  assert.equal((await watcher.get("greeter")).name, "greeter");
  await assert.rejects(watcher.tick("greeter"), { code: "DENIED" });
  const { items } = await home.tokens.list({ limit: 10 });
  assert.deepEqual(
    items.map(({ id }) => id),
    [made.id],
  );
  await home.tokens.revoke(made.id);
  await assert.rejects(watcher.get("greeter"), (error: OpenAgentsError) => {
    assert.equal(error.code, "DENIED");
    assert.match(error.message, /: the token is wrong, revoked or out of date$/);
    assert.match(error.requestId ?? "", /^[\w.:-]{1,128}$/);
    return true;
  });
});

void test("the client stores secrets, lists their names and removes them", async () => {
  const set = await home.secrets.set("API_KEY", "a value");
  assert.deepEqual((await home.secrets.list({ limit: 10 })).items, [set]);
  await home.secrets.remove("API_KEY");
  await assert.rejects(home.secrets.remove("API_KEY"), { code: "NOT_FOUND" });
  await assert.rejects(home.secrets.set("OPENAGENTS_TOKEN", "a value"), { code: "INVALID" });
});

void test("the client makes, changes and removes schedules", async () => {
  const made = await home.schedules.create({ id: "daily", agent: "greeter", cron: "@daily" });
  assert.deepEqual(await home.schedules.get("daily"), made);
  const { revision } = made;
  const changed = await home.schedules.update("daily", { payload: 7 }, { ifMatch: revision });
  assert.equal(changed.payload, 7);
  assert.equal((await home.schedules.pause("daily")).status, "paused");
  assert.equal((await home.schedules.resume("daily")).status, "active");
  assert.equal((await home.schedules.list({ limit: 5 })).items.length, 1);
  await home.schedules.remove("daily");
  await assert.rejects(home.schedules.get("daily"), { code: "NOT_FOUND" });
});

void test("the client subscribes to events", async () => {
  const server = createServer((request, response) => {
    request.resume();
    response.end();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const { secret, ...made } = await home.webhooks.create({ url, events: ["agent.reply"] });
  assert.match(secret, /^whsec_/);
  assert.equal((await home.webhooks.get(made.id)).url, url);
  assert.deepEqual(await home.webhooks.list(), [made]);
  assert.equal((await home.webhooks.ping(made.id)).status, 200);
  assert.notEqual((await home.webhooks.rotate(made.id)).secret, secret);
  await home.ask("greeter", { payload: "Ada" }, { timeout: 30_000 });
  let delivered;
  do [delivered] = await home.webhooks.deliveries(made.id, 10);
  while (delivered?.state !== "delivered");
  assert.match((await home.webhooks.redeliver(made.id, delivered.id)).id, /./);
  assert.equal((await home.webhooks.update(made.id, { active: false })).active, false);
  await home.webhooks.remove(made.id);
  server.close();
});

void test("the client reads and writes agents' files, and lists the home's", async () => {
  await home.create({ name: "fay", type: "greeter" });
  const files = home.fs("fay");
  const data = new TextEncoder().encode("a note");
  await files.write("/memory/files/a note", data);
  assert.deepEqual(await files.read("/memory/files/a note"), data);
  const { path } = await files.write("/goals", data, { at: "end" });
  assert.match(path, /^\/goals\/./);
  await files.remove("/memory/files/a note");
  await assert.rejects(files.stat("/memory/files/a note"), { code: "NOT_FOUND", errno: "ENOENT" });
  const { items } = await home.tree.list("/agents", { limit: 1000 });
  assert.ok(items.some(({ name, kind }) => name === "fay" && kind === "link"));
});

void test("the client moves an agent, or has it stay", async () => {
  await home.create({ name: "mia", type: "greeter" });
  await home.leave("mia", { move: "a-move" });
  assert.ok(await home.stay("mia", "a-move"));
  const homes = { from: home, to: other };
  const { agent } = await moveAgent(homes, "mia", { url: there.url });
  assert.equal(agent.name, "mia");
  assert.equal((await other.get("mia")).id, agent.id);
  await assert.rejects(home.state("mia"), { code: "MOVED" });
});

void test("with() sends an Idempotency-Key, by which a call has effect once", async () => {
  const once = home.with({ idempotencyKey: "make-olga" });
  const made = await once.create({ name: "olga", type: "quiet" });
  assert.deepEqual(await once.create({ name: "olga", type: "quiet" }), made);
  await assert.rejects(home.create({ name: "olga", type: "quiet" }), { code: "EXISTS" });
});

void test("with() ends calls by a signal, and says whether it was their time that was up", async () => {
  // Nobody answers here, so that nothing but the signal can end the call.
  const silent = remoteRuntime({
    ...connection,
    fetcher: (_url, { signal }) =>
      new Promise((_resolve, reject) => {
        if (signal?.aborted === true) reject(signal.reason as Error);
        signal?.addEventListener("abort", () => reject(signal.reason as Error));
      }),
  });
  await assert.rejects(silent.with({ signal: AbortSignal.timeout(1) }).get("greeter"), {
    code: "TIMEOUT",
  });
  await assert.rejects(silent.with({ signal: AbortSignal.abort() }).get("greeter"), {
    code: "CANCELLED",
  });
  await assert.rejects(home.with({ signal: AbortSignal.abort() }).get("greeter"), {
    code: "CANCELLED",
  });
});

void test("ready() is false, and other calls are BUSY, while nobody is served", async () => {
  const starting = remoteRuntime({
    ...connection,
    fetcher: async () => Response.json({ status: "not ready" }, { status: 503 }),
  });
  assert.equal(await starting.ready(), false);
});

// What the old home of an agent does, under a ticket and no token.
const NOT_OF_CLIENTS = ["deliverMail"];

void test("the client has every operation of the API", () => {
  const missing = OPERATIONS.map(({ id }) => id).filter((id) => !asked.has(id));
  assert.deepEqual(missing, NOT_OF_CLIENTS);
});

// Two that are not the same, as one has a member that the other may lack, are told apart by this alone.
type Same<A, B> =
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Given<K extends keyof RemoteHome> = RemoteHome[K] extends (...args: never) => Promise<infer T>
  ? T
  : never;
type Of<T, K extends keyof T> = T[K] extends (...args: never) => Promise<infer A> ? A : never;
type Item<T> = T extends readonly (infer I)[]
  ? I
  : T extends { items: readonly (infer I)[] }
    ? I
    : never;
type Shape<S> = S extends z.ZodType<infer T> ? T : never;

/** What the client gives is what the shapes of the API are of: the compiler holds them together. */
const TYPES: readonly [
  Same<
    Given<"create" | "get" | "update" | "pause" | "resume" | "arrive">,
    Shape<typeof agents.agentInfo>
  >,
  Same<Item<Given<"list">>, Shape<typeof agents.agentInfo>>,
  Same<Given<"status">, Shape<typeof agents.agentReport>>,
  Same<Given<"identity" | "resolve">, Shape<typeof agents.identity>>,
  Same<Given<"key">, Shape<typeof agents.keyInfo>>,
  Same<Item<Given<"peers">>, Shape<typeof agents.peer>>,
  Same<Given<"runtimeStatus">, Shape<typeof homes.runtimeStatus>>,
  Same<Given<"send">, Shape<typeof mails.sent>>,
  Same<Given<"ask">, Shape<typeof mails.answer>>,
  Same<Item<Given<"inbox" | "deadLetters">>, Shape<typeof mails.mailRow>>,
  Same<Given<"depart">, Shape<typeof moves.departure>>,
  Same<NonNullable<Given<"stay">>, Shape<typeof moves.stayed>>,
  Same<Given<"import">, Shape<typeof moves.imported>>,
  Same<Given<"tick" | "wake" | "hibernate">, Shape<typeof records.tickRecord>>,
  Same<Item<Given<"log">>, Shape<typeof records.logRow>>,
  Same<Given<"tickAt">, Shape<typeof records.tickView>>,
  Same<Item<Given<"ticks">>, Shape<typeof records.tickView>>,
  Same<Given<"verify">, Shape<typeof records.verdict>>,
  Same<Given<"addGoal" | "updateGoal">, Shape<typeof work.goal>>,
  Same<Item<Given<"goals">>, Shape<typeof work.goal>>,
  Same<Item<Given<"files">>, Shape<typeof work.fileText>>,
  Same<Item<Given<"alarms">>, Shape<typeof work.alarmInfo>>,
  Same<Item<Given<"logs">>, Shape<typeof work.loggedLine>>,
  Same<
    Of<RemoteHome["schedules"], "create" | "get" | "update" | "pause" | "resume">,
    Shape<typeof schedules.schedule>
  >,
  Same<Of<RemoteHome["webhooks"], "create" | "rotate">, Shape<typeof hooks.webhookWithSecret>>,
  Same<Of<RemoteHome["webhooks"], "get">, Shape<typeof hooks.webhookReport>>,
  Same<Of<RemoteHome["webhooks"], "update">, Shape<typeof hooks.webhook>>,
  Same<Of<RemoteHome["webhooks"], "ping">, Shape<typeof hooks.attempt>>,
  Same<Item<Of<RemoteHome["webhooks"], "deliveries">>, Shape<typeof hooks.delivery>>,
] = [
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
  true,
];

void test("the types of the client are those of the shapes", () => {
  assert.ok(TYPES.every(Boolean));
});
