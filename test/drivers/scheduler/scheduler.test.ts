import assert from "node:assert/strict";
import { test } from "node:test";
import { OpenAgentsError } from "../../../src/core/errors.ts";
import type { NewSchedule, ScheduleChange } from "../../../src/drivers/scheduler.ts";
import { running, setting } from "./setting.ts";

const START = "2026-03-02T08:00:00.000Z";

void test("create() gives what is stored, and the first time it is due", async () => {
  const { scheduler } = setting(START);
  const made = await scheduler.create({
    id: "daily",
    agent: "alice",
    cron: "0 9 * * *",
    timeZone: "Europe/Berlin",
    payload: { report: true },
  });
  assert.deepEqual(made, {
    id: "daily",
    agent: "alice",
    cron: "0 9 * * *",
    timeZone: "Europe/Berlin",
    type: "alarm",
    payload: { report: true },
    missed: "once",
    status: "active",
    createdAt: Date.parse(START),
    revision: "1",
    fired: 0,
    // Nine o'clock in Berlin is now, in winter.
    due: Date.parse(START),
  });
  assert.deepEqual(await scheduler.get("daily"), made);
  const { id } = await scheduler.create({ agent: "alice", every: "10s" });
  assert.match(id, /^[0-9a-f-]{36}$/);
  await assert.rejects(scheduler.create({ id, agent: "alice", every: "10s" }), { code: "EXISTS" });
});

void test("create() refuses what could never fire, naming what is wrong", async () => {
  const { scheduler } = setting(START);
  const bad: readonly (readonly [Partial<NewSchedule>, RegExp])[] = [
    [{}, /exactly one of "cron", "every" and "at"/],
    [{ cron: "* * * * *", every: "1m" }, /exactly one/],
    [{ cron: "whenever" }, /5 or 6.*"whenever", UTC/],
    [{ cron: "0 0 30 2 *" }, /never comes/],
    [{ cron: "* * * * *", timeZone: "Mars/Olympus" }, /Mars\/Olympus/],
    [{ every: "1m", timeZone: "UTC" }, /"timeZone" goes with "cron"/],
    [{ at: START, start: START }, /"start" goes with "every"/],
    [{ every: "999ms" }, /at least "1s"/],
    [{ every: "soon" }, /duration "soon"/],
    [{ every: "1m", start: "2026-03-02 08:00" }, /"start" is no time/],
    [{ at: "2026-03-02T08:00:00" }, /"at" is no time/],
    [{ at: -1 }, /"at" is no time/],
    [{ at: 1.5 }, /"at" is no time/],
    [{ at: 9e15 }, /"at" is no time/],
    [{ every: Number.MAX_SAFE_INTEGER }, /"every" is too long/],
    [{ every: "1m", start: 8_640_000_000_000_001 }, /"start" is no time/],
    [{ at: "2027-02-30T09:00:00Z" }, /"at" is no time/],
    [{ at: "2027-02-29T23:00:00-08:00" }, /"at" is no time/],
    [{ at: "2027-03-01T24:00:00Z" }, /"at" is no time/],
    [{ cron: "2027-03-01T00:00:00" }, /1 field, .* 5 or 6/],
    [{ cron: "* * * * * * *" }, /7 fields/],
    [{ cron: "" }, /0 fields/],
    [{ cron: "@fortnightly" }, /@fortnightly/],
    [{ at: "2026-03-02T07:59:59Z" }, /"at" is over: 2026-03-02T07:59:59.000Z/],
    [{ every: "1m", id: "" }, /the id "" must be/],
    [{ every: "1m", id: "a/b" }, /the id "a\/b" must be/],
    [{ every: "1m", id: "x".repeat(101) }, /must be 1 to 100/],
    [{ every: "1m", agent: "" }, /"agent" must name/],
    [{ every: "1m", agent: "a\nb" }, /"to" must be an agent/],
    [{ every: "1m", type: "control" as never }, /"type" must be one of alarm, message, event/],
    [{ every: "1m", missed: "never" as never }, /"missed" must be one of skip, once, all/],
    [{ every: "1m", payload: NaN }, /payload/],
    [{ every: "1m", payload: "x".repeat(300_000) }, /too large/],
  ];
  for (const [given, message] of bad) {
    await assert.rejects(scheduler.create({ agent: "alice", ...given }), {
      code: "INVALID",
      message,
    });
  }
  assert.deepEqual((await scheduler.list()).items, []);
});

void test("what would be due after the last time that has a date is over", async () => {
  const { scheduler, at } = setting(START);
  const every = 8_000_000_000_000_000 - Date.parse(START);
  const { due } = await scheduler.create({ id: "far", agent: "alice", every });
  assert.equal(due, 8_000_000_000_000_000);
  await at(due);
  const { status, due: next } = await scheduler.get("far");
  assert.deepEqual([status, next], ["done", undefined]);
  // A leap day, and a time of a zone whose date is another one in UTC, are times as well.
  for (const time of ["290000-01-01T00:00:00Z", "2028-02-30T00:00:00Z"]) {
    await assert.rejects(scheduler.create({ agent: "alice", every: "1m", start: time }), {
      code: "INVALID",
    });
  }
  for (const time of ["2028-02-29T23:30:00-08:00", "2027-12-31T23:59:59.5+00:00"]) {
    const { start } = await scheduler.create({ agent: "alice", every: "1m", start: time });
    assert.equal(start, Date.parse(time));
  }
});

void test("a firing is an envelope with the payload as it was given", async () => {
  const { scheduler, at, mail } = setting(START);
  const payload = { text: "look", deep: [1, { schedule: "mine" }] };
  await scheduler.create({ id: "look", agent: "alice", every: "1m", type: "message", payload });
  await scheduler.create({ id: "ring", agent: "bob", at: "2026-03-02T09:01:00+01:00" });
  await at("2026-03-02T08:01:00Z");
  const due = Date.parse("2026-03-02T08:01:00Z");
  assert.deepEqual(mail, [
    {
      id: `schedule:look:${due}`,
      sentAt: due,
      source: "schedule",
      from: "schedule:look",
      to: "alice",
      type: "message",
      payload,
      headers: { schedule: "look", "schedule-due": "2026-03-02T08:01:00.000Z" },
    },
    {
      id: `schedule:ring:${due}`,
      sentAt: due,
      source: "schedule",
      from: "schedule:ring",
      to: "bob",
      type: "alarm",
      payload: null,
      headers: { schedule: "ring", "schedule-due": "2026-03-02T08:01:00.000Z", alarm: "ring" },
    },
  ]);
  const [look, ring] = [await scheduler.get("look"), await scheduler.get("ring")];
  assert.deepEqual(
    [look.status, look.fired, look.lastDue, look.due],
    ["active", 1, due, due + 60_000],
  );
  assert.deepEqual([ring.status, ring.fired, ring.lastDue, ring.due], ["done", 1, due, undefined]);
});

void test("nothing fires before its time, and all of a time fires together", async () => {
  const { scheduler, at, fired } = setting(START);
  for (let i = 0; i < 250; i += 1) {
    await scheduler.create({ id: `s${i}`, agent: "alice", at: "2026-03-02T08:00:10Z" });
  }
  assert.equal(await scheduler.nextDue(), Date.parse("2026-03-02T08:00:10Z"));
  await at("2026-03-02T08:00:09.999Z");
  assert.deepEqual(fired(), []);
  await at("2026-03-02T08:00:10Z");
  assert.equal(fired().length, 250);
  assert.equal(await scheduler.nextDue(), undefined);
  await at("2026-03-02T09:00:00Z");
  assert.deepEqual(fired(), []);
});

void test("missed times: none with skip, one with once, each with all", async () => {
  const { scheduler, at, mail } = setting(START);
  for (const missed of ["skip", "once", "all"] as const) {
    await scheduler.create({ id: missed, agent: "alice", cron: "*/15 * * * *", missed });
  }
  await at(START);
  const since = mail.length;
  await at("2026-03-02T09:07:00Z");
  const fired = (id: string) =>
    mail
      .slice(since)
      .filter(({ headers }) => headers!["schedule"] === id)
      .map(({ headers }) => [headers!["schedule-due"]!.slice(11, 16), headers!["schedule-missed"]]);
  assert.deepEqual(fired("skip"), []);
  assert.deepEqual(fired("once"), [["09:00", "3"]]);
  assert.deepEqual(
    fired("all"),
    ["08:15", "08:30", "08:45", "09:00"].map((t) => [t, undefined]),
  );
  await at("2026-03-02T09:15:59Z");
  assert.deepEqual(fired("skip"), [["09:15", undefined]], "less than a minute late");
});

void test("a time that was missed alone: skip lets it pass, the others fire it", async () => {
  const { scheduler, at, mail } = setting(START);
  for (const missed of ["skip", "once", "all"] as const) {
    await scheduler.create({ id: missed, agent: "alice", at: "2026-03-02T08:01:00Z", missed });
  }
  await at("2026-03-02T12:00:00Z");
  assert.deepEqual(
    mail.map(({ headers }) => headers!["schedule"]),
    ["all", "once"],
  );
  const skipped = await scheduler.get("skip");
  assert.deepEqual([skipped.status, skipped.fired], ["done", 0]);
});

void test("more than a thousand missed times: the oldest are dropped, and that is said", async () => {
  const { scheduler, at, mail, problems } = setting(START);
  await scheduler.create({ id: "all", agent: "alice", every: "1s", missed: "all" });
  await scheduler.create({ id: "cron", agent: "bob", cron: "* * * * * *", missed: "all" });
  await scheduler.create({ id: "once", agent: "carol", cron: "* * * * * *", missed: "once" });
  await at("2026-03-02T09:00:00Z");
  for (const [to, first] of [
    ["alice", "08:00:01"],
    ["bob", "08:00:00"],
  ] as const) {
    const mine = mail.filter((envelope) => envelope.to === to);
    assert.equal(mine.length, 1000);
    assert.deepEqual(mine[0]!.headers!["schedule-due"], "2026-03-02T08:43:21.000Z");
    assert.equal(mine[0]!.headers!["schedule-dropped-since"], `2026-03-02T${first}.000Z`);
    assert.equal(mine[1]!.headers!["schedule-dropped-since"], undefined);
    assert.deepEqual(mine.at(-1)!.headers!["schedule-due"], "2026-03-02T09:00:00.000Z");
  }
  const [once] = mail.filter(({ to }) => to === "carol");
  assert.equal(once!.headers!["schedule-missed"], "1000");
  assert.equal(problems.length, 2);
  assert.match(problems[0]!, /oldest times, from 2026-03-02T08:00:0[01].000Z on, are dropped/);
});

void test("update() puts another timing in place, and keeps the time when only the rest changes", async () => {
  const { scheduler, at, fired, mail } = setting(START);
  await scheduler.create({ id: "a", agent: "alice", every: "10m", payload: 1 });
  await at("2026-03-02T08:05:00Z");
  const kept = await scheduler.update("a", { payload: null, agent: "bob", missed: "all" });
  assert.deepEqual(
    [kept.due, kept.payload, kept.revision],
    [Date.parse("2026-03-02T08:10:00Z"), null, "2"],
  );
  await at("2026-03-02T08:10:00Z");
  assert.deepEqual(
    mail.map(({ to, payload }) => [to, payload]),
    [["bob", null]],
  );
  const moved = await scheduler.update("a", { cron: "0 12 * * *", timeZone: "America/New_York" });
  assert.equal(moved.due, Date.parse("2026-03-02T17:00:00Z"));
  assert.deepEqual([moved.every, moved.start], [undefined, undefined]);
  assert.equal((await scheduler.update("a", { cron: "0 13 * * *" })).timeZone, "America/New_York");
  const inBerlin = await scheduler.update("a", { timeZone: "Europe/Berlin" });
  assert.deepEqual(
    [inBerlin.cron, inBerlin.due],
    ["0 13 * * *", Date.parse("2026-03-02T12:00:00Z")],
  );
  fired();
  await at("2026-03-02T12:00:00Z");
  assert.deepEqual(fired(), ["2026-03-02T12:00:00.000Z"]);
  const wrong: readonly ScheduleChange[] = [
    { start: 5 },
    { cron: "x" },
    { every: "1m", at: START },
  ];
  for (const change of wrong)
    await assert.rejects(scheduler.update("a", change), { code: "INVALID" });
  await assert.rejects(scheduler.update("nobody", {}), { code: "NOT_FOUND" });
  const { revision } = await scheduler.get("a");
  await assert.rejects(scheduler.update("a", { payload: 2 }, { ifMatch: "1" }), {
    code: "PRECONDITION",
  });
  await scheduler.update("a", { payload: 2 }, { ifMatch: revision });
  assert.notEqual((await scheduler.get("a")).revision, revision);
});

void test("a schedule that was paused goes on from when it is resumed", async () => {
  const { scheduler, at, fired } = setting(START);
  await scheduler.create({ id: "a", agent: "alice", every: "10m", missed: "all" });
  const paused = await scheduler.update("a", { paused: true });
  assert.deepEqual([paused.status, paused.due], ["paused", undefined]);
  await at("2026-03-02T09:05:00Z");
  assert.deepEqual(fired(), []);
  assert.equal(await scheduler.nextDue(), undefined);
  await scheduler.update("a", { every: "10m", start: START });
  assert.equal((await scheduler.get("a")).status, "paused", "another timing does not resume it");
  const resumed = await scheduler.update("a", { paused: false });
  assert.deepEqual([resumed.status, resumed.due], ["active", Date.parse("2026-03-02T09:10:00Z")]);
  await at("2026-03-02T09:10:00Z");
  assert.deepEqual(fired(), ["2026-03-02T09:10:00.000Z"]);
  await scheduler.create({ id: "b", agent: "alice", at: "2026-03-02T09:11:00Z", paused: true });
  await at("2026-03-02T09:12:00Z");
  await assert.rejects(scheduler.update("b", { paused: false }), {
    code: "INVALID",
    message: /no time left/,
  });
});

void test("what is done begins again with another timing", async () => {
  const { scheduler, at, fired } = setting(START);
  await scheduler.create({ id: "a", agent: "alice", at: START });
  await at(START);
  assert.equal((await scheduler.update("a", { paused: true })).status, "done");
  await assert.rejects(scheduler.update("a", { paused: false }), { code: "INVALID" });
  assert.equal((await scheduler.update("a", { at: "2026-03-02T08:01:00Z" })).status, "active");
  await at("2026-03-02T08:01:00Z");
  assert.deepEqual(fired(), [START, "2026-03-02T08:01:00.000Z"]);
});

void test("remove() takes a schedule away, with what was to fire", async () => {
  const { scheduler, at, fired, files } = setting(START);
  await scheduler.create({ id: "a", agent: "alice", every: "1m" });
  await scheduler.remove("a");
  await assert.rejects(scheduler.remove("a"), { code: "NOT_FOUND" });
  await assert.rejects(scheduler.get("../a"), { code: "NOT_FOUND" });
  await at("2026-03-02T08:10:00Z");
  assert.deepEqual(fired(), []);
  assert.deepEqual(await files.list({ prefix: "", limit: 10 }), []);
});

void test("list() gives all in pages, in order of id", async () => {
  const { scheduler } = setting(START);
  const ids = ["B", "a", "a-1", "a.1", "b", "z_"];
  for (const id of ids.toReversed()) await scheduler.create({ id, agent: "x", every: "1m" });
  const seen: string[] = [];
  for (let cursor: string | undefined; ;) {
    const page = await scheduler.list({ limit: 2, cursor });
    seen.push(...page.items.map(({ id }) => id));
    if ((cursor = page.cursor) === undefined) break;
  }
  assert.deepEqual(seen, ["B", "a", "a-1", "a.1", "b", "z_"]);
  await assert.rejects(scheduler.list({ limit: 0 }), { code: "INVALID" });
  await assert.rejects(scheduler.list({ cursor: "/" }), { code: "INVALID" });
});

void test("a schedule is kept, with its last error, when its agent is not there or is full", async () => {
  const { scheduler, at, answers, fired } = setting(START);
  await scheduler.create({ id: "a", agent: "alice", every: "1m" });
  const cases = [
    ["unknown", "NOT_FOUND", 0],
    ["rejected", "INBOX_FULL", 0],
    ["moved", "MOVED", 0],
    ["unreachable", "FAILED", 0],
    ["dead-lettered", "INBOX_FULL", 1],
  ] as const;
  for (const [i, [receipt, code, taken]] of cases.entries()) {
    const before = (await scheduler.get("a")).fired;
    answers.push(receipt);
    const time = Date.parse(START) + (i + 1) * 60_000;
    await at(time);
    const after = await scheduler.get("a");
    assert.deepEqual([after.lastError?.code, after.lastError?.at], [code, time], receipt);
    assert.deepEqual(
      [after.status, after.fired - before, after.due],
      ["active", taken, time + 60_000],
    );
  }
  fired();
  await at(Date.parse(START) + 6 * 60_000);
  assert.equal(fired().length, 1);
  assert.equal((await scheduler.get("a")).lastError, undefined);
});

void test("a schedule whose agent is terminated is disabled until it is resumed", async () => {
  const { scheduler, at, answers, fired } = setting(START);
  await scheduler.create({ id: "a", agent: "alice", every: "1m" });
  answers.push("terminated");
  await at("2026-03-02T08:01:00Z");
  const disabled = await scheduler.get("a");
  assert.deepEqual([disabled.status, disabled.due], ["disabled", undefined]);
  assert.match(disabled.lastError!.message, /terminated/);
  await at("2026-03-02T08:05:00Z");
  assert.deepEqual(fired(), []);
  await scheduler.update("a", { agent: "bob", paused: false });
  await at("2026-03-02T08:06:00Z");
  assert.deepEqual(fired(), ["2026-03-02T08:06:00.000Z"]);
});

void test("what cannot be taken now is tried again for the same time, later and later", async () => {
  const { scheduler, at, answers, fired } = setting(START);
  await scheduler.create({ id: "a", agent: "alice", at: "2026-03-02T08:01:00Z" });
  let time = Date.parse("2026-03-02T08:01:00Z");
  for (const wait of [5, 10, 20, 40, 80, 160, 300, 300]) {
    answers.push("busy");
    await at(time);
    const { due, retryAt, status } = await scheduler.get("a");
    assert.deepEqual(
      [due, retryAt, status],
      [Date.parse("2026-03-02T08:01:00Z"), time + wait * 1000, "active"],
    );
    await at(time + wait * 1000 - 1);
    time += wait * 1000;
  }
  assert.deepEqual(fired(), []);
  await at(time);
  assert.deepEqual(fired(), ["2026-03-02T08:01:00.000Z"]);
  const { status, retryAt, tries, lastError } = await scheduler.get("a");
  assert.deepEqual([status, retryAt, tries, lastError], ["done", undefined, undefined, undefined]);
});

void test("one that cannot be handed in holds up no others", async () => {
  const { scheduler, at, fired, answers, problems } = setting(START);
  for (const id of ["a", "b", "c"]) await scheduler.create({ id, agent: "x", every: "1m" });
  const invalid = new OpenAgentsError("INVALID", "Cannot accept envelope: no");
  // The whole batch, then "a", "b", "c" alone.
  answers.push(invalid, "accepted", invalid);
  await at("2026-03-02T08:01:00Z");
  assert.equal(fired().length, 2);
  const failed = await scheduler.get("b");
  assert.deepEqual([failed.status, failed.lastError?.code, failed.fired], ["active", "INVALID", 0]);
  assert.deepEqual(problems, []);
  const broken = new OpenAgentsError("STORE", "Cannot use store: full");
  answers.push(broken, broken, broken, broken);
  await at("2026-03-02T08:02:00Z");
  assert.deepEqual(problems.length, 3);
  assert.deepEqual(fired(), []);
  await at("2026-03-02T08:02:05Z");
  assert.equal(fired().length, 3, "a failure of the store loses nothing");
});

void test("a clock that was ahead and is set right does not leave schedules waiting for it", async () => {
  const { scheduler, at, fired } = setting(START);
  await scheduler.create({ id: "hourly", agent: "a", cron: "0 * * * *", missed: "skip" });
  await scheduler.create({ id: "every", agent: "a", every: "1h", missed: "skip" });
  await scheduler.create({ id: "once", agent: "a", at: "2027-01-01T00:00:00Z" });
  await at("2030-01-01T00:00:30Z");
  assert.equal((await scheduler.get("once")).status, "done");
  fired();
  await at("2026-03-02T08:30:00Z");
  assert.deepEqual(fired(), []);
  assert.equal(await scheduler.nextDue(), Date.parse("2026-03-02T09:00:00Z"));
  await at("2026-03-02T09:00:00Z");
  assert.deepEqual(fired(), ["2026-03-02T09:00:00.000Z", "2026-03-02T09:00:00.000Z"]);
});

void test("a clock that is set back an hour fires nothing twice", async () => {
  const { scheduler, at, fired } = setting(START);
  await scheduler.create({ id: "a", agent: "a", every: "10m", missed: "all" });
  await at("2026-03-02T09:00:00Z");
  const first = fired();
  assert.equal(first.length, 6);
  for (let time = Date.parse(START); time <= Date.parse("2026-03-02T09:10:00Z"); time += 30_000) {
    await at(time);
  }
  assert.deepEqual(fired(), ["2026-03-02T09:10:00.000Z"]);
});

void test("a damaged schedule stops only itself, and can be removed", async () => {
  const { scheduler, at, fired, files, problems } = setting(START);
  for (const id of ["a", "b"]) await scheduler.create({ id, agent: "x", every: "1m" });
  await files.write({ put: [{ path: "schedules/a", value: "{" }] });
  await at("2026-03-02T08:01:00Z");
  assert.equal(fired().length, 1);
  assert.match(problems.join(), /"a" does not fire any more/);
  await assert.rejects(scheduler.get("a"), { code: "CORRUPT" });
  assert.deepEqual(
    (await scheduler.list()).items.map(({ id }) => id),
    ["b"],
  );
  await scheduler.remove("a");
  await assert.rejects(scheduler.get("a"), { code: "NOT_FOUND" });
});

void test("an entry of the index that leads nowhere is taken away", async () => {
  const { scheduler, at, fired, files } = setting(START);
  await scheduler.create({ id: "a", agent: "x", every: "1m" });
  const due = (ms: number): string => `due/${String(ms).padStart(16, "0")}`;
  await files.write({
    put: [`${due(5)}/a`, `${due(5)}/none`].map((path) => ({ path, value: "" })),
  });
  await at(START);
  assert.deepEqual(fired(), []);
  const left = await files.list({ prefix: "due/", limit: 9 });
  assert.deepEqual(
    left.map(({ path }) => path),
    [`${due(Date.parse(START) + 60_000)}/a`],
  );
});

void test("start() fires by the clock, also what is created and changed while it runs", async () => {
  const { scheduler, clock, mail } = running(START);
  const fired = () => mail.map(({ headers }) => headers!["schedule-due"]!.slice(11, 19));
  await scheduler.create({ id: "late", agent: "a", at: "2026-03-02T10:00:00Z" });
  await clock.advance(1000);
  await scheduler.create({ id: "soon", agent: "a", at: "2026-03-02T08:00:05Z" });
  await clock.advance(3999);
  assert.deepEqual(fired(), []);
  await clock.advance(1);
  assert.deepEqual(fired(), ["08:00:05"]);
  await scheduler.update("late", { at: "2026-03-02T08:00:07Z" });
  await scheduler.create({ id: "often", agent: "a", every: "1h" });
  await clock.advance(3 * 3_600_000);
  assert.deepEqual(fired(), ["08:00:05", "08:00:07", "09:00:05", "10:00:05", "11:00:05"]);
  await scheduler.stop();
  await scheduler.stop();
  await clock.advance(3 * 3_600_000);
  assert.equal(mail.length, 5);
});
