import assert from "node:assert/strict";
import { test } from "node:test";
import { sqlStore } from "../../src/stores/sql/store.ts";
import { SqliteFile } from "../../src/stores/sqlite.ts";
import { errno, fileHome } from "./home.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);
const HOUR = 3_600_000;

void test("ctl does one command a line, and none when one is unknown", async () => {
  const { write, read, runtime } = await fileHome();
  assert.match(await read("/ctl"), /^wake +\S/);
  await write("/ctl", "pause\n");
  assert.equal((await runtime.get("ada")).status, "paused");
  await assert.rejects(write("/ctl", "resume\nexplode\n"), errno("EINVAL", /"explode"/));
  assert.equal((await runtime.get("ada")).status, "paused");
  const { ticks } = await runtime.status("ada");
  await write("/ctl", "resume\ntick\n", { at: "end" });
  assert.equal((await runtime.status("ada")).ticks, ticks + 1);
  await write("/ctl", "terminate");
  assert.equal((await runtime.get("ada").catch((error) => error)).code, "NOT_FOUND");
});

void test("status and config show what the agent is, and config renames it", async () => {
  const { json, write, runtime, files } = await fileHome({ agent: { senders: "anyone" } });
  const status = await json("/status");
  assert.deepEqual([status.name, status.ticks], ["ada", 1]);
  const config = await json("/config");
  assert.deepEqual([config.name, config.type, config.senders], ["ada", "worker", "anyone"]);
  assert.deepEqual(config.retry.retries, 0);
  await write("/config", JSON.stringify({ ...config, labels: ["b", "a"] }));
  assert.deepEqual((await runtime.get("ada")).labels, ["a", "b"]);
  await assert.rejects(
    files.write("/config", bytes('{"timeout": 1}')),
    errno("EINVAL", /"timeout" cannot be changed/),
  );
  await assert.rejects(files.write("/config", bytes('{"colour": 1}')), errno("EINVAL", /colour/));
  await assert.rejects(files.write("/config", bytes('{"labels": "x"}')), errno("EINVAL", /labels/));
  await assert.rejects(files.write("/config", bytes('{"name": "a b"}')), errno("EINVAL"));
  await write("/config", '{"name": "eve"}');
  assert.equal((await runtime.get("eve")).labels.length, 2);
});

void test("inbox delivers what is written to it, and shows what waits by position", async () => {
  const { write, read, json, names, runtime, files, tick } = await fileHome();
  let heard: unknown;
  await write("/inbox/hello", "hello\n");
  await tick((ctx) => void (heard = ctx.trigger.payload));
  assert.equal(heard, "go");
  await runtime.pause("ada");
  assert.match(await write("/inbox", "one\n", { at: "end" }), /^\/inbox\/\d+$/);
  const path = await write("/inbox/x.json", '{"n": [1]}');
  assert.deepEqual((await json(path)).envelope.payload, { n: [1] });
  const waiting = await names("/inbox");
  assert.equal(waiting.length, 2);
  const first = await json(`/inbox/${waiting[0]}`);
  assert.equal(first.envelope.payload, "one");
  assert.equal(
    (await files.stat(`/inbox/${waiting[0]}`)).size,
    (await read(`/inbox/${waiting[0]}`)).length,
  );
  assert.equal((await json(`/inbox/${first.envelope.id}`)).position, first.position);
  const typed = await write("/inbox", "[2]", { at: "end", type: "application/json" });
  assert.deepEqual((await json(typed)).envelope.payload, [2]);
  await assert.rejects(write("/inbox/y.json", "{"), errno("EINVAL"));
  await assert.rejects(write("/inbox/y", "x", { create: "never" }), errno("ENOENT"));
  await assert.rejects(files.write("/inbox/z", new Uint8Array([0xff])), errno("EINVAL", /UTF-8/));
  await assert.rejects(files.write("/inbox/z", new Uint8Array(2_000_000)), errno("EFBIG"));
  await assert.rejects(files.remove(path), errno("EACCES"));
});

void test("inbox refuses what a full inbox or an agent that ended does not take", async () => {
  const { write, runtime, within } = await fileHome({
    agent: { inbox: { depth: 2, overflow: "reject-new" } },
  });
  const { id } = await runtime.get("ada");
  await runtime.pause("ada");
  await write("/inbox/a", "1");
  await write("/inbox/b", "2");
  await assert.rejects(write("/inbox/c", "3"), errno("EDQUOT"));
  await runtime.resume("ada");
  await within(runtime.terminate("ada"));
  const ended = runtime.fs(id);
  await assert.rejects(ended.write("/inbox/d", bytes("4")), errno("EACCES", /terminated/));
});

void test("inbox lists 100,000 letters in pages, each once and in order", async () => {
  const store = sqlStore(new SqliteFile(":memory:"));
  const { files, runtime } = await fileHome({ store });
  const { id } = await runtime.get("ada");
  await runtime.pause("ada");
  const inbox = { depth: 1_000_000, overflow: "reject-new" } as const;
  for (let from = 0; from < 100_000; from += 10_000) {
    const mail = Array.from({ length: 10_000 }, (_, i) => ({
      envelope: {
        id: `m${from + i}`,
        sentAt: 0,
        source: "api",
        from: "operator",
        to: id,
        type: "message" as const,
        payload: from + i,
      },
      inbox,
      at: 0,
    }));
    await store.deliver(mail);
  }
  let count = 0;
  let last = 0;
  for (let cursor: string | undefined; ;) {
    const page = await files.list("/inbox", { cursor, limit: 1000 });
    for (const { name, size } of page.items) {
      assert.ok(Number(name) > last && size! > 0);
      last = Number(name);
      count += 1;
    }
    cursor = page.cursor;
    if (cursor === undefined) break;
  }
  assert.equal(count, 100_000);
});

void test("deadletter replays and discards", async () => {
  const { tick, names, json, write, within, files, runtime } = await fileHome();
  const fail = (): never => {
    throw new Error("told to");
  };
  for (let i = 0; i < 4; i += 1) await tick(fail);
  const dead = await names("/deadletter");
  assert.equal(dead.length, 4);
  assert.match((await json(`/deadletter/${dead[0]}`)).reason, /told to/);
  await assert.rejects(write(`/deadletter/${dead[0]}`, "burn"), errno("EINVAL", /"burn"/));
  await runtime.pause("ada");
  await write(`/deadletter/${dead[0]}`, "replay\n");
  await write(`/deadletter/${dead[1]}`, "discard");
  await within(files.remove(`/deadletter/${dead[2]}`));
  await within(files.rename(`/deadletter/${dead[3]}`, "/inbox/again"));
  assert.deepEqual(await names("/deadletter"), []);
  assert.deepEqual(await names("/inbox"), [dead[0], dead[3]]);
  await assert.rejects(files.rename("/deadletter/999", "/inbox/x"), errno("ENOENT"));
});

void test("outbox shows mail on its way, and streams what ticks tell the outside", async () => {
  const { tick, files, names, json } = await fileHome();
  const stop = new AbortController();
  const events = files.follow!("/outbox/events", stop.signal)[Symbol.asyncIterator]();
  const first = events.next();
  await new Promise(setImmediate);
  await tick(async (ctx) => {
    ctx.broadcast("found", { n: 1 });
    await ctx.reply("done");
  });
  const came = text((await first).value);
  const lines = came
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  assert.deepEqual(
    lines.map(({ event, name, payload }) => [event, name ?? payload]),
    [
      ["event", "found"],
      ["reply", "done"],
    ],
  );
  stop.abort();
  assert.equal((await events.next()).done, true);
  // It is kept as well, so that nobody has to have listened.
  const kept = text(await files.read("/outbox/events"));
  assert.ok(kept.endsWith(came), kept);
  assert.equal((await files.stat("/outbox/events")).size, kept.length);
  await tick((ctx) => ctx.publish({ kind: 1, content: "hi" }));
  const waiting = await names("/outbox");
  assert.equal(waiting[0], "events");
  if (waiting.length > 1) assert.ok((await json(`/outbox/${waiting[1]}`)).envelope);
});

void test("state takes a whole new object and nothing else", async () => {
  const { write, json, read, tick } = await fileHome();
  await write("/state", '{"a": 1, "b": {"c": []}}');
  assert.equal(await read("/state"), '{\n  "a": 1,\n  "b": {\n    "c": []\n  }\n}\n');
  await write("/state", '{"b": 2}');
  assert.deepEqual(await json("/state"), { b: 2 });
  for (const wrong of ["", "[]", "null", '"x"', "{", '{"a": "\\ud800"}']) {
    await assert.rejects(write("/state", wrong), errno("EINVAL", /\/state/), wrong);
  }
  let seen: unknown;
  await tick(async (ctx) => {
    ctx.state["n"] = 5;
    seen = JSON.parse(await ctx.fs.read("/state"));
    await ctx.fs.write("/state", '{"n": 6}');
    assert.equal(ctx.state["n"], 6);
  });
  assert.deepEqual(seen, { b: 2, n: 5 });
  assert.deepEqual(await json("/state"), { n: 6 });
});

void test("goals are made and replaced as a whole, and removed", async () => {
  const { write, json, names, within, files } = await fileHome();
  await write("/goals/a", '{"title": "A", "priority": 2, "note": "n", "result": "r"}');
  const before = await json("/goals/a");
  assert.deepEqual([before.title, before.priority, before.note], ["A", 2, "n"]);
  await write("/goals/a", JSON.stringify({ ...before, status: "done" }));
  const { status, note, result } = await json("/goals/a");
  assert.deepEqual([status, note, result], ["done", "n", "r"]);
  await write("/goals/a", "Only this\n");
  const after = await json("/goals/a");
  assert.deepEqual([after.title, after.status, after.priority], ["Only this", "open", 0]);
  assert.equal(after.note, undefined);
  await write("/goals/b", '{"title": "B", "parent": "a"}');
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["{}", /must have a "title"/],
    [" ", /must have a title/],
    ['{"title": 5}', /"title" must be text/],
    ['{"title": "x", "colour": "red"}', /no "colour"/],
    ['{"title": "x", "parent": "none"}', /"parent" is no goal/],
    ['{"title": "x", "progress": 2}', /"progress"/],
  ];
  for (const [given, said] of wrong) {
    await assert.rejects(write("/goals/c", given), errno("EINVAL", said), given);
  }
  await assert.rejects(write("/goals/c d", "x"), errno("EINVAL", /"id"/));
  assert.deepEqual(await names("/goals"), ["a", "b"]);
  await within(files.remove("/goals/a"));
  assert.equal((await json("/goals/b")).parent, undefined);
});

void test("a goal is copied, and moved into the place of another one as editors do", async () => {
  const { write, json, names, within, files, read } = await fileHome();
  await write("/goals/a", '{"title": "A", "priority": 2}');
  await write("/goals/below", '{"title": "B", "parent": "a"}');
  await write("/goals/temp", await read("/goals/a"));
  assert.equal((await json("/goals/temp")).id, "temp");
  await write("/goals/temp", '{"title": "New"}');
  await within(files.rename("/goals/temp", "/goals/a"));
  assert.deepEqual(await names("/goals"), ["a", "below"]);
  const { title, priority } = await json("/goals/a");
  assert.deepEqual([title, priority], ["New", 0]);
  assert.equal((await json("/goals/below")).parent, "a");
  await within(files.rename("/goals/a", "/goals/z"));
  assert.deepEqual(await names("/goals"), ["below", "z"]);
  assert.equal((await json("/goals/below")).parent, "z");
  await assert.rejects(within(files.rename("/goals/a", "/goals/b")), errno("ENOENT", /no such/));
});

void test("an alarm can be written as it was read", async () => {
  const { write, json, read } = await fileHome({ agent: { onAlarm: () => undefined } });
  await write("/alarms/a", '{"cron": "0 9 * * *", "timeZone": "UTC", "payload": 1}');
  await write("/alarms/b", await read("/alarms/a"));
  const { id: _a, ...a } = await json("/alarms/a");
  const { id, ...b } = await json("/alarms/b");
  assert.equal(id, "b");
  assert.deepEqual(b, a);
  await write("/alarms/c", '{"in": "1h"}');
  await write("/alarms/d", await read("/alarms/c"));
  assert.equal((await json("/alarms/d")).at, (await json("/alarms/c")).at);
});

void test("a listing says when a file changed as its stat does, and a tick changes nothing else", async () => {
  const { write, files, within, tick } = await fileHome({ agent: { onAlarm: () => undefined } });
  await write("/memory/files/a", "x");
  await write("/memory/kv/k", "x");
  await write("/goals/g", "x");
  await write("/alarms/a", '{"in": "1h"}');
  const npub = `npub1${"q".repeat(58)}`;
  await tick((ctx) => ctx.memory.peers.note(ctx.identity.npub, { note: npub }).then(() => {}));
  const times = async (): Promise<unknown[]> => {
    const found: unknown[] = [];
    for (const path of ["/memory/files", "/memory/kv", "/memory/peers", "/goals", "/alarms"]) {
      for (const { name, modifiedAt } of (await within(files.list(path))).items) {
        const stat = await within(files.stat(`${path}/${name}`));
        assert.equal(stat.modifiedAt, modifiedAt, `${path}/${name}`);
        found.push([path, name, modifiedAt]);
      }
    }
    return found;
  };
  const before = await times();
  assert.equal(before.length, 5);
  await write("/memory/files/b", "y");
  await within(files.remove("/memory/files/b"));
  assert.deepEqual(await times(), before);
});

void test("dead letters can be removed, and none can be made", async () => {
  const { files, within } = await fileHome();
  const { access, limit } = await within(files.stat("/deadletter"));
  assert.deepEqual([access, limit], ["rw", 0]);
});

void test("alarms are set by when they are, and cancelled by being removed", async () => {
  const { write, json, names, within, files, clock, tick } = await fileHome({
    agent: { onAlarm: () => undefined },
  });
  await write("/alarms/once", '{"in": "1h", "payload": "x"}');
  await write("/alarms/daily", '{"cron": "0 9 * * *", "timeZone": "Europe/Berlin"}');
  await write("/alarms/often", '{"every": 60000}');
  assert.deepEqual(await names("/alarms"), ["daily", "often", "once"]);
  assert.equal((await json("/alarms/daily")).timeZone, "Europe/Berlin");
  assert.equal((await json("/alarms/often")).every, 60_000);
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["{}", /one of "in", "at"/],
    ['{"in": "1h", "every": "1h"}', /one of "in", "at"/],
    ['{"in": "soon"}', /soon/],
    ['{"cron": "x"}', /cron|x/],
    ['{"every": 0}', /above 0/],
    ['{"in": "1h", "timeZone": "UTC"}', /"timeZone" is for "cron"/],
    ['{"cron": 5}', /must be text/],
    ['{"at": [1]}', /text or a number/],
  ];
  for (const [given, said] of wrong) {
    await assert.rejects(write("/alarms/x", given), errno("EINVAL", said), given);
  }
  await within(files.remove("/alarms/often"));
  assert.deepEqual(await names("/alarms"), ["daily", "once"]);
  await clock.advance(HOUR);
  assert.deepEqual(await names("/alarms"), ["daily"]);
  await tick(async (ctx) => {
    ctx.schedule({ in: "1h" }, null, { id: "no/name" });
  });
  assert.deepEqual(await names("/alarms"), ["daily"]);
});

void test("identity answers whoever asks, each by itself, and admins alone", async () => {
  const { files, read, within, runtime, tick } = await fileHome();
  const { id, publicKey } = await runtime.get("ada");
  assert.equal(await read("/identity/npub"), `${id}\n`);
  assert.equal(await read("/identity/pubkey"), `${publicKey}\n`);
  const ask = async (name: string, what: string): Promise<string> =>
    text(await within(files.exchange!(`/identity/${name}`, bytes(what)))).trim();
  const [one, two] = ["ab".repeat(32), "cd".repeat(32)];
  const signed = await Promise.all([ask("sign", one), ask("sign", `${two}\n`)]);
  assert.equal(await ask("verify", `${publicKey} ${one} ${signed[0]}`), "true");
  assert.equal(await ask("verify", `${publicKey} ${two} ${signed[0]}`), "false");
  assert.equal(await ask("verify", `${publicKey} ${two} ${signed[1]}\n`), "true");
  const secret = await ask("encrypt", `ada\nline one\nline two`);
  assert.equal(await ask("decrypt", `ada\n${secret}\n`), "line one\nline two");
  await assert.rejects(ask("sign", "abc"), errno("EINVAL", /64 hex digits/));
  await assert.rejects(ask("verify", "abc"), errno("EINVAL"));
  await assert.rejects(ask("encrypt", "ada"), errno("EINVAL", /first line/));
  await assert.rejects(ask("encrypt", "nobody\nx"), errno("ENOENT"));
  await assert.rejects(ask("npub", "x"), errno("ENOTSUP"));
  await assert.rejects(files.write("/identity/sign", bytes(one)), errno("EACCES"));
  assert.equal((await files.stat("/identity/sign")).nature, "exchange");
  const records = await runtime.log("ada", 0, 99);
  assert.ok(records.some(({ record }) => record.includes('"use":"sign"')));
  const { outcome, keys } = await tick(({ fs }) => fs.exchange("/identity/sign", one));
  assert.deepEqual([outcome, keys?.some(({ use }) => use === "sign")], ["done", true]);
});

void test("nostr publishes and sends with the tick", async () => {
  const { files, read, write, within, runtime, tick } = await fileHome();
  assert.equal(await read("/nostr/relays"), "wss://relay.example\n");
  let id = "";
  const inside = await tick(async ({ fs }) => {
    id = await fs.exchange("/nostr/publish", '{"kind": 1, "content": "hi"}');
  });
  assert.deepEqual(inside.sent?.[0]?.id, id.trim());
  const event = bytes('{"kind": 1, "content": "outside"}');
  assert.equal((await within(files.exchange!("/nostr/publish", event))).length, 0);
  const sent = (await runtime.status("ada")).lastTick!.sent!;
  assert.deepEqual([sent[0]!.to, sent[0]!.type], ["*", "event"]);
  await assert.rejects(within(files.exchange!("/nostr/publish", bytes("{}"))), errno("EINVAL"));
  const { id: npub } = await runtime.get("ada");
  await write(`/nostr/dm/${npub}`, "hello\n");
  assert.equal((await runtime.status("ada")).ticks > 0, true);
  await assert.rejects(write("/nostr/dm/nobody", "x"), errno("EACCES"));
});

void test("metrics are those that HTTP gives", async () => {
  const { read } = await fileHome();
  assert.match(await read("/metrics"), /openagents_agent_ticks_total\{.*name="ada".*\} 1\n/);
});

void test("children shows whom the agent made, which is read only but for what operators remove", async () => {
  const { json, names, runtime, files, tick, clock } = await fileHome();
  let within: readonly string[] = [];
  await tick(async (ctx) => {
    await ctx.spawn("kid", { budget: { perDay: { tokens: 10 } } });
    within = (await ctx.fs.list("/children")).items.map(({ name }) => name);
    await assert.rejects(ctx.fs.remove(`/children/${within[0]}`), errno("EACCES"));
  });
  const { id } = await runtime.get("kid");
  assert.deepEqual(within, [id]);
  assert.deepEqual(await names("/children"), [id]);
  const { at, ...rest } = await json(`/children/${id}`);
  assert.deepEqual(rest, { id, name: "kid", type: "worker", budget: { perDay: { tokens: 10 } } });
  assert.equal((await files.stat(`/children/${id}`)).modifiedAt, at);
  await assert.rejects(files.write(`/children/${id}`, bytes("{}")), errno("EACCES"));
  await assert.rejects(files.write("/children/x", bytes("{}")), errno("EACCES"));
  await files.remove(`/children/${id}`);
  await clock.advance(0);
  assert.deepEqual(await names("/children"), []);
  assert.equal((await runtime.get("kid")).status, "active");
  assert.equal((await runtime.verify("ada")).ok, true);
});
