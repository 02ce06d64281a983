import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { HTTP_STATUS } from "../../src/control/http-status.ts";
import { OPERATIONS } from "../../src/control/operations.ts";
import { CONFIG, PACKAGE, project } from "../cli/project.ts";

const PAGE = readFileSync(join(PACKAGE, "docs/api.md"), "utf8");

/** The cells of the rows of a table, by the first cell of its head. */
function table(head: string): readonly (readonly string[])[] {
  const lines = PAGE.split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| ${head} `));
  assert.ok(start >= 0, `there is no table of ${head}`);
  const rows = lines.slice(start + 2);
  const end = rows.findIndex((line) => !line.startsWith("|"));
  return rows.slice(0, end).map((row) =>
    row
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim().replace(/^`(.*)`$/, "$1")),
  );
}

void test("docs/api.md has all operations as they are", () => {
  const wanted = OPERATIONS.map(({ id, method, path, scope, summary }) => [
    id,
    `${method.toUpperCase()} ${path}`,
    scope,
    summary,
  ]);
  const byId = (a: readonly string[], b: readonly string[]): number => (a[0]! < b[0]! ? -1 : 1);
  assert.deepEqual(table("operation").toSorted(byId), wanted.toSorted(byId));
});

void test("docs/api.md has all errors with their statuses", () => {
  const shown = table("code").map(([code, status]) => [code, Number(status)]);
  assert.deepEqual(Object.fromEntries(shown), HTTP_STATUS);
  assert.equal(shown.length, Object.keys(HTTP_STATUS).length);
});

void test("the program of docs/api.md does what the page says", async () => {
  await using p = project(CONFIG);
  const daemon = await p.start();
  const token = readFileSync(join(p.data, "token"), "utf8").trim();
  const [, code = ""] = /```ts\n((?:(?!```)[^])*greet\([^]*?)```/.exec(PAGE) ?? [];
  const main = `console.log(JSON.stringify(await greet(${JSON.stringify(daemon.url)}, ${JSON.stringify(token)})));`;
  p.write("page.ts", `${code}\n${main}`);
  const { stdout, stderr } = spawnSync(process.execPath, ["page.ts"], {
    cwd: p.dir,
    encoding: "utf8",
  });
  const [denied, event, replies] = stdout.split("\n");
  assert.equal(denied, "DENIED", stderr);
  assert.match(event ?? "", /^reply \{.*"Hello Ada, you are number 1"/);
  assert.equal(replies, '["Hello Ada, you are number 1"]');
});
