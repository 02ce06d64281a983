import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { PACKAGE } from "../cli/project.ts";
import { actionsOf } from "./page.ts";
import { ended, openTerminal } from "./terminal.ts";

/** What differs from one run to the next, made the same. */
function same(text: string): string {
  return (
    text
      .replaceAll(/\S+\/my-agents/g, "DIR")
      .replaceAll(/npub1\w+/g, "NPUB")
      .replaceAll(/\b[0-9a-f]{64}\b/g, "HASH")
      .replaceAll(/whsec_[\w+/=]+/g, "SECRET")
      .replaceAll(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, "UUID")
      .replaceAll(/\b[0-9a-f]{16}\b/g, "ID")
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "TIME")
      .replaceAll(/\b\d+ ms\b/g, "MS")
      // How often the clock has struck.
      .replaceAll(/#\d+ (.*the time)/g, "#N $1")
      .replaceAll(/(the time, .*) \d+/g, "$1 N")
      .replaceAll(/ +/g, " ")
      .replaceAll(/ $/gm, "")
      .trim()
  );
}

/** Commands that only look: what they show may be about to happen. */
const LOOKS = /^(?:cat|npx agentctl (?:logs|inbox|webhooks ping)) /;

/** Far more often than it takes; then what differs is shown. */
const LOOKS_AT_MOST = 60;

async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
}

/** The agentd of `npm start`, in a terminal of its own. */
async function startAgentd(
  command: string,
  cwd: string,
  port: number,
): Promise<[ChildProcess, string]> {
  const [, set = "", args = ""] = /^(?:(\w+=\S+) )?npm start(?: -- (.*))?$/.exec(command) ?? [];
  const [name = "", value = ""] = set.split("=");
  const words = [join(PACKAGE, "bin/agentd.js"), "--port", String(port), ...args.split(" ")];
  const daemon = spawn(process.execPath, words.filter(Boolean), {
    cwd,
    env: { PATH: process.env["PATH"], HOME: cwd, ...(name !== "" && { [name]: value }) },
  });
  let printed = "";
  daemon.stderr.setEncoding("utf8").on("data", (text: string) => (printed += text));
  daemon.stdout.setEncoding("utf8");
  for await (const text of daemon.stdout.iterator({ destroyOnReturn: false })) {
    printed += String(text);
    if (printed.endsWith("verify\n")) break;
  }
  return [daemon, printed];
}

void test("the walk-through is as it says, line by line", async () => {
  const dir = mkdtempSync(join(tmpdir(), "openagents-walk-"));
  const [port, hook] = [await freePort(), await freePort()];
  const here = (text: string): string =>
    text.replaceAll("127.0.0.1:4600", `127.0.0.1:${port}`).replaceAll("4700", String(hook));
  const terminal = openTerminal(dir);
  let daemon: ChildProcess | undefined;
  try {
    for (const action of actionsOf(join(PACKAGE, "docs/walkthrough.md"))) {
      if ("file" in action) {
        writeFileSync(join(await terminal.directory(), action.file), here(action.text));
        continue;
      }
      const { command, printed } = action;
      const wanted = same(here(printed));
      let said = "";
      if (/\bnpm start\b/.test(command)) {
        const cwd = await terminal.directory();
        [daemon, said] = await startAgentd(command, cwd, port);
        // Only the first start is shown.
        if (wanted === "") said = "";
      } else if (command.includes("--follow")) {
        said = await terminal.watch(command, (text) => same(text) === wanted);
      } else {
        said = await terminal.type(here(command));
        for (let i = 0; LOOKS.test(command) && same(said) !== wanted && i < LOOKS_AT_MOST; i += 1) {
          await sleep(100);
          said = await terminal.type(here(command));
        }
      }
      assert.equal(same(said), wanted, `$ ${command}\n${said}`);
      if (/^kill .*agentd/.test(command)) await once(daemon!, "exit");
    }
  } finally {
    if (daemon !== undefined) await ended(daemon, "SIGKILL");
    await terminal.close();
    rmSync(dir, { recursive: true, force: true });
  }
});
