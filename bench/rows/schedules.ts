import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Envelope } from "../../src/core/envelope.ts";
import { systemClock } from "../../src/core/system.ts";
import { scheduler } from "../../src/drivers/scheduler.ts";
import type { NewSchedule, Scheduler } from "../../src/drivers/scheduler.ts";
import { sqlite, sqliteHomeFiles } from "../../src/stores/sqlite.ts";
import { agent, envelope, idOf } from "../../src/testing/store/kit.ts";
import type { Bench, Figures } from "../bench.ts";
import { scheduledRss } from "../children.ts";
import { flight, median, percentile, round, tails, time } from "../measure.ts";

/** Processes that are weighed for one figure. */
const WEIGHINGS = 3;
const HOME = "home.db";
/** How many fire together, here and in the floor. */
const BATCH = 100;
/** How long before they are due the last ones are made, ms. */
const AHEAD = 500;
/** Nothing of it is due while the rows run. */
const FAR = { every: "365d", payload: { text: "Look at what came in since yesterday" } } as const;

/** Bytes of RSS for each schedule: a process that runs many beside one that runs few. */
export async function schedulesRss(bench: Bench): Promise<Figures> {
  const { schedules, schedulesFew } = bench.sizes;
  const { few, many } = await homes(bench);
  const extra: number[] = [];
  for (let i = 0; i < WEIGHINGS; i += 1) {
    extra.push(-(await scheduledRss(join(few, HOME))) + (await scheduledRss(join(many, HOME))));
  }
  return {
    value: round(median(extra) / (schedules - schedulesFew)),
    unit: "bytes/schedule",
    against: `a process with ${schedulesFew} schedules beside one with ${schedules}`,
  };
}

/**
 * Ms from when schedules are due until their mail is durable, when many are due in one second. Beside it
 * plain SQLite that has as many rows, with an index by time, and writes the same two files.
 */
export async function schedulesLate(bench: Bench): Promise<Figures> {
  const { many } = await homes(bench);
  const { scheduleRounds, together, schedules } = bench.sizes;
  const store = sqlite(join(bench.directory(), "agents.db"));
  const listener = agent("listener");
  await store.create(listener);
  const late: number[] = [];
  const deliver = async (mail: readonly Envelope[]) => {
    const at = Date.now();
    const inbox = { depth: 1_000_000, overflow: "reject-new" as const };
    const receipts = await store.deliver(mail.map((one) => ({ envelope: one, inbox, at })));
    await store.sync();
    for (const { sentAt } of mail) late.push(Date.now() - sentAt);
    return receipts;
  };
  const files = sqliteHomeFiles(join(many, HOME));
  const running = scheduler({ files, clock: systemClock, deliver });
  running.start();
  const floor = openFloor(bench, schedules);
  const floorLate: number[] = [];
  let made = 0;
  for (let i = 0; i < scheduleRounds; i += 1) {
    const due = Date.now() + together * 2 + AHEAD;
    await fill(running, together, () => ({
      id: `due-${(made += 1)}`,
      agent: listener.id,
      every: "365d",
      start: due,
      payload: FAR.payload,
    }));
    if (Date.now() >= due) bench.say("They were not made in time: the figure is too high");
    while (late.length < (i + 1) * together) await pause(10);
    floorLate.push(...(await floor.fire(together)));
  }
  await running.stop();
  await files.close();
  await store.close();
  floor.close();
  const { p50, p99 } = tails(late);
  return {
    value: p99,
    unit: "ms",
    p50,
    p99,
    ratio: round(percentile(floorLate, 0.99) / percentile(late, 0.99)),
    against: `${tails(floorLate).p99} ms: raw SQLite with ${schedules} rows, ${together} of them due`,
  };
}

/** Two directories, of homes with few and with many schedules, for all the rows that want them. */
function homes(bench: Bench): Promise<{ readonly few: string; readonly many: string }> {
  const { schedules, schedulesFew } = bench.sizes;
  return bench.once("schedules", async () => ({
    few: await homeOf(bench, schedulesFew),
    many: await homeOf(bench, schedules),
  }));
}

async function homeOf(bench: Bench, count: number): Promise<string> {
  const directory = bench.directory();
  const files = sqliteHomeFiles(join(directory, HOME));
  const made = scheduler({ files, clock: systemClock, deliver: async () => [] });
  const took = await time(() =>
    fill(made, count, (i) => ({ ...FAR, id: `s-${i}`, agent: idOf("x") })),
  );
  await files.close();
  bench.say(`Made ${count} schedules in ${(took / 1000).toFixed(1)} s`);
  return directory;
}

async function fill(
  made: Scheduler,
  count: number,
  schedule: (i: number) => NewSchedule,
): Promise<void> {
  await flight({ count, inFlight: 500 }, (i) => made.create(schedule(i)));
}

/** Plain node:sqlite with rows by time, which knows nothing of what they are. */
function openFloor(bench: Bench, rows: number) {
  const [home, mail] = ["home", "mail"].map((name) => {
    const db = new DatabaseSync(join(bench.directory(), `${name}.db`));
    db.exec(
      "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL",
    );
    return db;
  }) as [DatabaseSync, DatabaseSync];
  home.exec("CREATE TABLE schedules (id INTEGER PRIMARY KEY, due INTEGER, value TEXT)");
  home.exec("CREATE INDEX by_due ON schedules (due)");
  mail.exec("CREATE TABLE mail (pos INTEGER PRIMARY KEY, id TEXT UNIQUE, value TEXT)");
  const value = JSON.stringify(envelope("listener", "schedule:due-1:1760000000000"));
  const insert = home.prepare("INSERT INTO schedules (due, value) VALUES (?, ?)");
  const select = home.prepare("SELECT id, due FROM schedules WHERE due <= ? ORDER BY due LIMIT ?");
  const advance = home.prepare("UPDATE schedules SET due = ?, value = ? WHERE id = ?");
  const deliver = mail.prepare("INSERT INTO mail (id, value) VALUES (?, ?)");
  const far = Date.now() + 3e10;
  home.exec("BEGIN");
  for (let i = 0; i < rows; i += 1) insert.run(far + i, value);
  home.exec("COMMIT");
  return {
    async fire(count: number): Promise<number[]> {
      const due = Date.now() + 2 * AHEAD;
      home.exec("BEGIN");
      for (let i = 0; i < count; i += 1) insert.run(due, value);
      home.exec("COMMIT");
      await pause(due - Date.now());
      const late: number[] = [];
      for (;;) {
        const found = select.all(Date.now(), BATCH) as { id: number; due: number }[];
        if (found.length === 0) return late;
        mail.exec("BEGIN");
        for (const { id } of found) deliver.run(`schedule:${id}:${due}`, value);
        mail.exec("COMMIT");
        for (const row of found) late.push(Date.now() - row.due);
        home.exec("BEGIN");
        for (const { id } of found) advance.run(far, value, id);
        home.exec("COMMIT");
      }
    },
    close() {
      home.close();
      mail.close();
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
