import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { canMount } from "../src/mounts/fuse.ts";
import { PACKAGE, project } from "./cli/project.ts";
import type { Daemon } from "./cli/project.ts";

/** A command of the README's consoles, and what it says that it prints. */
interface Shown {
  readonly command: string;
  printed: string;
}

function shown(): readonly Shown[] {
  const all: Shown[] = [];
  const text = readFileSync(join(PACKAGE, "README.md"), "utf8");
  for (const [, block = ""] of text.matchAll(/^```console\n([^]*?)^```$/gm)) {
    for (const line of block.split("\n")) {
      if (line.startsWith("$ ")) all.push({ command: line.slice(2), printed: "" });
      else all.at(-1)!.printed += `${line}\n`;
    }
  }
  return all;
}

/** What differs from one run to the next, made the same. */
function same(text: string): string {
  return (
    text
      .replaceAll(/npub1\w{58}/g, "NPUB")
      .replaceAll(/\b[0-9a-f]{64}\b/g, "HASH")
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z +(\d+ )?/g, "TIME ")
      .replaceAll(/127\.0\.0\.1:\d+/g, "127.0.0.1:PORT")
      // Whether its first tick is over yet, and whether it is still in memory.
      .replaceAll(/ (creating|active|dormant) +NPUB/g, " STATUS NPUB")
      .replaceAll(/ +/g, " ")
      .trim()
  );
}

/** Stands in for npx and npm, which would look for the programs where they are not. */
const SHELL = `
node() { "$NODE" "$@"; }
npm() { "$NODE" "$PACKAGE/examples/\${3#example:}/demo.ts"; }
npx() { if [ "$1" = node ]; then "$NODE" "\${@:2}"; else "$NODE" "$PACKAGE/bin/$1.js" "\${@:2}"; fi; }
`;

void test("the consoles of the README show what happens", async (t) => {
  const config = new URL("../examples/openagents.config.ts", import.meta.url);
  await using p = project(`export { default } from ${JSON.stringify(config.href)};`);
  let daemon: Daemon | undefined;
  const commands = shown();
  assert.ok(commands.length > 10, `only ${commands.length} commands were found`);
  await using mounts = new AsyncDisposableStack();
  mounts.defer(() => void spawnSync("umount", ["-l", join(p.dir, "home")]));
  const unmountable = canMount();
  if (unmountable !== undefined) t.diagnostic(`what is mounted is left out: ${unmountable}`);
  for (const { command, printed } of commands) {
    if (unmountable !== undefined && /\bhome\b/.test(command)) continue;
    if (command === "npm start") {
      daemon = await p.start();
      continue;
    }
    const { stdout, stderr } = spawnSync("bash", ["-c", SHELL + command], {
      cwd: p.dir,
      encoding: "utf8",
      env: { PATH: process.env["PATH"], HOME: p.dir, NODE: process.execPath, PACKAGE },
    });
    assert.equal(same(stdout), same(printed), `$ ${command}\n${stderr}`);
    if (command.startsWith("kill ")) await daemon?.ended;
  }
  const [first] = commands;
  assert.equal(first?.command, "npm start");
  assert.equal(same((await daemon!.end()).stdout), same(first.printed));
});
