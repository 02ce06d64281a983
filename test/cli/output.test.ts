import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { agentPath } from "../../src/cli/command.ts";
import { cellText, oneLine, relativeTime, time } from "../../src/cli/output.ts";
import { progressText } from "../../src/cli/progress.ts";
import { similar } from "../../src/cli/similar.ts";
import { tableLines } from "../../src/cli/table.ts";
import { fitText, padText, textWidth } from "../../src/cli/text-width.ts";
import { project } from "./project.ts";

void test("oneLine() leaves nothing that could steer a terminal or pass for another line", () => {
  assert.equal(
    oneLine("a\n2026 forged\r\u001b[31mred\u001b[0m\u0007"),
    "a\\n2026 forged\\rred\uFFFD",
  );
});

void test("time() gives what is no date as it is", () => {
  assert.equal(time(undefined), "-");
  assert.equal(time(0), "1970-01-01T00:00:00.000Z");
  assert.equal(time(Number.MAX_SAFE_INTEGER), "9007199254740991");
});

void test("agentPath() refuses what an address would take for something else", () => {
  for (const name of ["", ".", ".."]) assert.throws(() => agentPath(name), /as an agent/);
  assert.equal(agentPath("a/b", "/status"), "/agents/a%2Fb/status");
});

void test("textWidth() counts the columns of a terminal", () => {
  const cases: readonly (readonly [text: string, width: number])[] = [
    ["", 0],
    ["abc", 3],
    ["Émile", 5],
    ["E\u0301", 1],
    ["漢字", 4],
    ["한글", 4],
    ["ｱｱ", 2],
    ["🙂", 2],
    ["👩‍👩‍👧‍👦", 2],
    ["🇩🇪", 2],
    ["❤️", 2],
    ["a\u200bb", 2],
    ["…", 1],
  ];
  for (const [text, width] of cases) assert.equal(textWidth(text), width, text);
});

void test("fitText() and padText() keep to a width", () => {
  assert.equal(fitText("abcdef", 4), "abc…");
  assert.equal(fitText("漢字漢字", 4), "漢…");
  assert.equal(fitText("🇩🇪🇩🇪🇩🇪", 5), "🇩🇪🇩🇪…");
  const texts = fc.string({ unit: "grapheme" }).map(cellText);
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 20 }), (text, width) => {
      assert.ok(textWidth(fitText(text, width)) <= width);
      if (textWidth(text) <= width) assert.equal(textWidth(padText(text, width)), width);
    }),
  );
});

void test("tableLines() cuts the widest column, and only on a terminal too narrow", () => {
  const rows = [
    ["bob", "a long text that has to be cut", "x"],
    ["漢字", "🙂", "yy"],
  ];
  const headings = ["NAME", "NOTE", "END"];
  assert.deepEqual(tableLines(headings, rows), [
    "NAME  NOTE                            END",
    "bob   a long text that has to be cut  x",
    "漢字  🙂                              yy",
  ]);
  assert.deepEqual(tableLines(headings, rows, { columns: 24 }), [
    "NAME  NOTE           END",
    "bob   a long text …  x",
    "漢字  🙂             yy",
  ]);
  const painted = tableLines(["A", "B"], [["x", "y"]], { paint: (_heading, cell) => `<${cell}>` });
  assert.deepEqual(painted, ["A  B", "<x>  <y>"]);
});

void test("tableLines() keeps columns under their headings, and to the width of the terminal", () => {
  const cell = fc.string({ unit: "grapheme", maxLength: 60 }).map(cellText);
  const table = fc.integer({ min: 1, max: 5 }).chain((count) =>
    fc.record({
      headings: fc.constant(Array.from({ length: count }, (_, i) => `H${i}`)),
      rows: fc.array(fc.array(cell, { minLength: count, maxLength: count }), { maxLength: 5 }),
      columns: fc.integer({ min: 60, max: 100 }),
    }),
  );
  fc.assert(
    fc.property(table, ({ headings, rows, columns }) => {
      const lines = tableLines(headings, rows, { columns });
      assert.equal(lines.length, rows.length + 1);
      for (const line of lines) assert.ok(textWidth(line) <= columns);
    }),
  );
});

void test("relativeTime() says how long ago, or how far ahead", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  const cases: readonly (readonly [number, string])[] = [
    [0, "now"],
    [-1500, "1s ago"],
    [-119_000, "1m ago"],
    [7_200_000, "in 2h"],
    [-3 * 86_400_000, "3d ago"],
  ];
  for (const [ms, text] of cases) assert.equal(relativeTime(now + ms, now), text);
});

void test("progressText() says how much, of how much, and how fast", () => {
  assert.equal(progressText({ done: 10, ms: 100 }), "10 bytes");
  const half = { done: 1_048_576, total: 2_097_152, ms: 2000 };
  assert.equal(progressText(half), "1.0 MiB of 2.0 MiB (50%), 512.0 KiB/s");
});

void test("similar() finds what was meant", () => {
  const names = ["alice", "alina", "bob", "greeter", "greeter-2"];
  assert.deepEqual(similar("bbo", names), ["bob"]);
  assert.deepEqual(similar("Alcie", names), ["alice"]);
  assert.deepEqual(similar("greter", names), ["greeter"]);
  assert.deepEqual(similar("gree", names), ["greeter", "greeter-2"]);
  assert.deepEqual(similar("x", names), []);
  assert.deepEqual(similar("toolate", names), []);
});

void test("agentctl colours for FORCE_COLOR alone where there is no terminal", async () => {
  await using p = project();
  await p.start();
  const list = async (env: Record<string, string>): Promise<string> =>
    (await p.run(["list"], { env })).stdout;
  assert.ok(!(await list({})).includes("\u001b["));
  assert.ok((await list({ FORCE_COLOR: "1" })).includes("\u001b[32mactive\u001b[39m"));
  assert.ok(!(await list({ NO_COLOR: "1" })).includes("\u001b["));
  // One document for all, or one a line.
  assert.equal(JSON.parse((await p.agentctl("list", "--json")).stdout).length, 1);
  await p.agentctl("create", "bob", "--type", "quiet");
  const lines = (await p.agentctl("list", "--ndjson")).stdout.trim().split("\n");
  assert.deepEqual(
    lines.map((line) => (JSON.parse(line) as { name: string }).name),
    ["greeter", "bob"],
  );
});

void test("agentctl alone says where it would go, and never fails", async () => {
  await using p = project();
  const none = await p.agentctl();
  assert.equal(none.code, 0);
  assert.match(
    none.stdout,
    /home +"[^"]*\.openagents"\n +state +Cannot find agentd[^]*\n {2}agentd\n/,
  );
  const daemon = await p.start();
  const there = (await p.agentctl()).stdout;
  assert.ok(there.includes(`it runs at ${daemon.url}: 1 agent\n`), there);
  assert.match(there, /agentctl send greeter "hello" --wait/);
  const places: readonly Record<string, string>[] = [
    { OPENAGENTS_URL: "nonsense" },
    { OPENAGENTS_URL: "http://127.0.0.1:1" },
    { OPENAGENTS_TOKEN: "wrong" },
    { OPENAGENTS_CONTEXT: "nope" },
  ];
  for (const env of places) {
    const { code, stdout, stderr } = await p.run([], { env });
    assert.deepEqual([code, stderr], [0, ""]);
    assert.match(stdout, /^agentctl \d[^]*state +\S[^]*agentctl doctor/);
  }
});
