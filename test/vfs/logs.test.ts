import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import type { AgentFace, LogRow } from "../../src/core/ports/index.ts";
import { RecordIndex, RecordIndexes, recordLine } from "../../src/vfs/services/record-lines.ts";
import { errno, fileHome } from "./home.ts";

const text = (data: Uint8Array): string => new TextDecoder().decode(data);

void test("logs/trajectory gives the canonical text of each record, and its size as it grows", async () => {
  const { files, read, tick, runtime } = await fileHome();
  await tick((ctx) => ctx.log.info("ünï"));
  const rows = await runtime.log("ada", 0, 99);
  const whole = rows.map(({ record }) => `${record}\n`).join("");
  assert.equal(await read("/logs/trajectory"), whole);
  const { size } = await files.stat("/logs/trajectory");
  assert.equal(size, Buffer.byteLength(whole));
  await tick(() => undefined);
  const more = text(await files.read("/logs/trajectory", { offset: size }));
  assert.deepEqual(JSON.parse(more).n, 3);
  assert.ok((await files.stat("/logs/trajectory")).size! > (size ?? 0));
  assert.deepEqual((await files.read("/logs/trajectory", { offset: 1e9 })).length, 0);
});

void test("logs/checkpoint names the agent and the end of its record", async () => {
  const { read, runtime } = await fileHome();
  const { id, head, ticks } = await runtime.status("ada");
  assert.equal(await read("/logs/checkpoint"), `${id}\n${ticks}\n${head}\n`);
});

void test("logs/ticks has each tick with what it gave out, and is listed in pages", async () => {
  const { files, json, names, tick } = await fileHome();
  await tick((ctx) => ctx.log.info("here"));
  assert.deepEqual(await names("/logs/ticks"), ["1", "2"]);
  const { record, output } = await json("/logs/ticks/2");
  assert.deepEqual([record.n, output.logs[0].text], [2, "here"]);
  await assert.rejects(files.stat("/logs/ticks/3"), errno("ENOENT"));
  await assert.rejects(files.stat("/logs/ticks/0"), errno("ENOENT"));
  await assert.rejects(files.list("/logs/ticks", { cursor: "x" }), errno("EINVAL"));
  const first = await files.list("/logs/ticks", { limit: 1 });
  assert.deepEqual([first.items.length, first.cursor !== undefined], [1, true]);
});

void test("logs/trace blocks until something happens, and gives whole lines", async () => {
  const { files, tick } = await fileHome();
  const stop = new AbortController();
  const trace = files.follow!("/logs/trace", stop.signal)[Symbol.asyncIterator]();
  const first = trace.next();
  await new Promise(setImmediate);
  await tick(async (ctx) => {
    ctx.log.warn("careful", { n: 1 });
    await ctx.step("look", () => 5);
  });
  let seen = text((await first).value);
  while (!seen.includes('"tick_end"')) seen += text((await trace.next()).value);
  const lines = seen
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  const events = lines.map(({ event }) => event);
  for (const event of ["tick_start", "phase", "step", "log", "tick_end"]) {
    assert.ok(events.includes(event), event);
  }
  const log = lines.find(({ event }) => event === "log");
  assert.deepEqual([log.text, log.data, log.level], ["careful", { n: 1 }, "warn"]);
  const last = trace.next();
  stop.abort();
  assert.equal((await last).done, true);
  assert.equal((await files.read("/logs/trace")).length, 0);
  assert.equal((await files.stat("/logs/trace")).nature, "stream");
});

/** A face that has a record, and nothing else; it counts the rows that are read. */
function recorded(records: string[]): { face: AgentFace; read: () => number; hash: string } {
  let count = 0;
  const it = {
    hash: "h",
    face: {
      agent: { id: "a" },
      head: async () =>
        records.length === 0
          ? undefined
          : { n: records.length, hash: `${it.hash}${records.length}` },
      async log(after: number, limit: number): Promise<LogRow[]> {
        const rows = records.slice(after, after + limit).map((record, i) => ({
          n: after + i + 1,
          hash: `${it.hash}${after + i + 1}`,
          record,
          output: undefined,
        }));
        count += rows.length;
        return rows;
      },
    } as unknown as AgentFace,
    read: () => count,
  };
  return it;
}

void test("RecordIndex gives any part of the lines, however they are read", async () => {
  const line = fc.string({ maxLength: 20, unit: "grapheme" }).map((s) => JSON.stringify(s));
  const range = fc.record({ offset: fc.nat(3000), length: fc.nat(400) });
  await fc.assert(
    fc.asyncProperty(
      fc.array(line, { maxLength: 300 }),
      fc.array(range, { maxLength: 20 }),
      async (records, ranges) => {
        const { face } = recorded(records);
        const index = new RecordIndex(recordLine);
        const whole = Buffer.from(records.map((record) => `${record}\n`).join(""));
        for (const { offset, length } of ranges) {
          const got = Buffer.from(await index.read(face, { offset, length }));
          assert.ok(got.equals(whole.subarray(offset, offset + length)));
        }
        assert.equal(await index.size(face), whole.length);
        assert.ok(Buffer.from(await index.read(face, {})).equals(whole));
      },
    ),
    { numRuns: 100 },
  );
});

void test("RecordIndex reads 100,000 records about once, in order or at random", async () => {
  const records = Array.from({ length: 100_000 }, (_, i) => JSON.stringify({ n: i, x: "é" }));
  const { face, read } = recorded(records);
  const index = new RecordIndex(recordLine);
  const whole = Buffer.from(records.map((record) => `${record}\n`).join(""));
  for (let offset = 0; offset < whole.length; offset += 65_536) {
    const part = Buffer.from(await index.read(face, { offset, length: 65_536 }));
    assert.ok(part.equals(whole.subarray(offset, offset + 65_536)));
  }
  assert.ok(read() < 130_000, `${read()} rows for one read from the beginning to the end`);
  const before = read();
  assert.equal(await index.size(face), whole.length);
  for (let i = 0; i < 100; i += 1) {
    const offset = (i * 7919 * 131) % whole.length;
    const part = Buffer.from(await index.read(face, { offset, length: 100 }));
    assert.ok(part.equals(whole.subarray(offset, offset + 100)));
  }
  assert.ok(read() - before < 30_000, `${read() - before} rows for 100 reads anywhere`);
  records.push('"new"');
  const grown = read();
  const end = await index.size(face);
  assert.equal(end, whole.length + 6);
  assert.equal(text(await index.read(face, { offset: whole.length })), '"new"\n');
  assert.ok(read() - grown < 10, "what is new alone is read");
});

void test("RecordIndex begins anew when the record is another one", async () => {
  const records = ['"a"', '"b"', '"c"'];
  const it = recorded(records);
  const index = new RecordIndex(recordLine);
  assert.equal(await index.size(it.face), 12);
  records.splice(1, 2);
  assert.equal(await index.size(it.face), 4);
  records[0] = '"other"';
  it.hash = "x";
  assert.equal(await index.size(it.face), 8);
  assert.equal(text(await index.read(it.face, {})), '"other"\n');
});

void test("RecordIndex notes nothing of a record that was replaced while it was read", async () => {
  const records = ['"a"', '"bb"', '"ccc"'];
  const it = recorded(records);
  const index = new RecordIndex(recordLine);
  await index.size(it.face);
  const wait = Promise.withResolvers<void>();
  const slow = {
    ...it.face,
    async log(after: number, limit: number) {
      const rows = await it.face.log(after, limit);
      if (after === 0) await wait.promise;
      return rows;
    },
  };
  const reading = index.read(slow, { offset: 0, length: 7 });
  await new Promise(setImmediate);
  records.splice(0, 3, '"other"', '"xx"');
  it.hash = "x";
  assert.equal(await index.size(it.face), 13);
  wait.resolve();
  await reading;
  for (let offset = 0; offset < 13; offset += 1) {
    const rest = text(await index.read(it.face, { offset }));
    assert.equal(rest, '"other"\n"xx"\n'.slice(offset));
  }
});

void test("RecordIndexes keeps those that are used", () => {
  const indexes = new RecordIndexes(recordLine);
  const first = indexes.of("first");
  for (let i = 0; i < 200; i += 1) indexes.of(`a${i}`);
  assert.equal(indexes.of("first"), first);
  for (let i = 0; i < 300; i += 1) indexes.of(`b${i}`);
  assert.notEqual(indexes.of("first"), first);
});
