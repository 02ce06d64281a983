import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { completionTable } from "../../src/cli/completion/table.ts";
import { GROUPS, programFor } from "../../src/cli/program.ts";
import { PACKAGE } from "./project.ts";

const PAGE = readFileSync(join(PACKAGE, "docs/cli.md"), "utf8");

/** Options that the program itself explains. */
const KNOWN = new Set(["--help", "--version"]);

void test("docs/cli.md has every command and every option", async () => {
  const table = completionTable(await programFor());
  const missing: string[] = [];
  for (const [path, lines] of table) {
    if (/(^| )help$/.test(path)) continue;
    const group = lines.some((line) => line.startsWith("sub|"));
    if (!group && !new RegExp(`\`agentctl ${path}( [^\`]*)?\``).test(PAGE)) missing.push(path);
    for (const line of lines) {
      const [kind, flag = ""] = line.split("|");
      if (kind !== "opt" || !flag.startsWith("--") || KNOWN.has(flag)) continue;
      if (!new RegExp(`\`[^\`]*${flag}(?![\\w-])[^\`]*\``).test(PAGE))
        missing.push(`${path} ${flag}`);
    }
  }
  assert.deepEqual(missing, []);
});

void test("docs/cli.md shows only commands and options that there are", async () => {
  const table = completionTable(await programFor());
  const lines = [...PAGE.matchAll(/^```sh\n(.*?)^```$/gms)]
    .flatMap(([, code = ""]) => code.split("\n"))
    .flatMap((line) => line.match(/agentctl [^|>)]*/g) ?? []);
  assert.ok(lines.length > 20, String(lines.length));
  for (const line of lines) {
    const words = line.split("#")[0]!.trim().split(/\s+/).slice(1);
    let path = words[0] ?? "";
    if (table.has(`${path} ${words[1]}`)) path = `${path} ${words[1]}`;
    const known = table.get(path);
    assert.ok(known !== undefined, line);
    for (const word of words) {
      const flag = /^--?[a-z]/.test(word) ? word : undefined;
      if (flag === undefined) continue;
      assert.ok(
        known.some((entry) => entry.startsWith(`opt|${flag}|`)),
        `${line}: ${flag}`,
      );
    }
  }
});

void test("programFor() loads what was typed, and all where that is not clear", async () => {
  const names = async (...words: string[]): Promise<readonly string[]> =>
    (await programFor(words)).commands.map((command) => command.name());
  const all = await names();
  // The table of groups says what each of them has.
  assert.deepEqual(
    all,
    GROUPS.flatMap(({ commands }) => commands),
  );
  for (const { commands, load } of GROUPS) {
    for (const name of commands) assert.ok((await names(name)).includes(name), name);
    assert.equal(typeof (await load()), "function");
  }
  assert.deepEqual(await names("top"), ["top"]);
  assert.deepEqual(await names("--json", "top"), ["top"]);
  assert.deepEqual(await names("--version"), []);
  for (const words of [
    ["--help"],
    ["help", "top"],
    ["--url", "x", "top"],
    ["tpo"],
    ["tpo", "top"],
  ]) {
    assert.deepEqual(await names(...words), all, words.join(" "));
  }
  // The value of an option that is also a command's name.
  assert.ok((await names("--context", "top", "list")).includes("list"));
});
