import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { FILES } from "../../backends/local/data-dir.ts";
import type { AgentStatus } from "../../core/agent.ts";
import { errorInfo } from "../../core/errors.ts";
import type { AgentInfo } from "../../core/runtime.ts";
import type { Client } from "../../control/client.ts";
import { createClient } from "../../control/client.ts";
import { optionsOf, outputOf } from "../command.ts";
import type { Where } from "../connection.ts";
import { configFile } from "../contexts.ts";
import { findTarget, targetUrl } from "../connection.ts";
import { UsageError } from "../usage-error.ts";
import type { RuntimeStatus } from "../../control/shapes/home.ts";

/** One thing that was looked at. */
export interface Check {
  readonly name: string;
  readonly result: "ok" | "warn" | "fail";
  readonly detail: string;
  /** What to do about it. */
  readonly remedy?: string | undefined;
}

const NODE_NEEDED = 24;
const LOW_SPACE = 256 * 1024 * 1024;

/** `agentctl doctor`. */
export function doctorCommand(program: Command): void {
  program
    .command("doctor")
    .description("look for what is wrong, and say what to do about it")
    .action(async (_options: unknown, command: Command) => {
      const out = outputOf(command);
      const checks = await examine(optionsOf(command));
      if (out.json) out.document(checks);
      else {
        for (const { name, result, detail, remedy } of checks) {
          out.print(`${result.padEnd(4)}  ${name}: ${detail}`, result);
          if (remedy !== undefined) out.print(`      ${remedy}`);
        }
      }
      if (checks.some(({ result }) => result === "fail")) process.exitCode = 1;
    });
}

/** All checks, in the order in which one rests on the other. */
export async function examine(where: Where): Promise<readonly Check[]> {
  const { dir } = findTarget(where);
  const checks = [nodeVersion(), ...contextFile()];
  if (dir !== undefined) {
    checks.push(dataDir(dir));
    if (checks.at(-1)?.result === "ok") {
      checks.push(secretFile(dir, "keys"), secretFile(dir, "token"), await diskSpace(dir));
    }
  }
  return [...checks, ...(await daemon(where))];
}

function nodeVersion(): Check {
  const name = "Node version";
  const { node } = process.versions;
  if (Number(node.split(".")[0]) >= NODE_NEEDED) return { name, result: "ok", detail: node };
  const remedy = `Install Node ${NODE_NEEDED} or newer`;
  return { name, result: "fail", detail: `${node} is too old`, remedy };
}

/** The user's contexts, where there are some: tokens may be in them. */
function contextFile(): Check[] {
  const name = "contexts";
  const path = configFile();
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  const mode = stat.mode & 0o777;
  if ((mode & 0o077) === 0) return [{ name, result: "ok", detail: path }];
  const detail = `"${path}" can be read by others (mode ${mode.toString(8)})`;
  return [{ name, result: "fail", detail, remedy: `chmod 600 "${path}"` }];
}

function dataDir(dir: string): Check {
  const name = "data directory";
  try {
    const stat = statSync(dir);
    if (!stat.isDirectory()) {
      const remedy = "Move it away, or name a directory with --data";
      return { name, result: "fail", detail: `"${dir}" is a file`, remedy };
    }
    accessSync(dir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") {
      const remedy = "agentd makes it at its first start; or say where it is with --data";
      return { name, result: "warn", detail: `"${dir}" is not there`, remedy };
    }
    const remedy = `Make it readable and writable: chmod u+rwx "${dir}"`;
    return { name, result: "fail", detail: (error as Error).message, remedy };
  }
  return { name, result: "ok", detail: dir };
}

function secretFile(dir: string, file: "keys" | "token"): Check {
  const path = join(dir, FILES[file]);
  const name = file === "keys" ? "master key" : "token";
  let mode: number;
  let text: string;
  try {
    mode = statSync(path).mode & 0o777;
    text = readFileSync(path, "utf8");
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    const detail = missing ? `"${path}" is not there` : (error as Error).message;
    const remedy = missing ? "agentd makes it at its first start" : `chmod 600 "${path}"`;
    return { name, result: missing ? "warn" : "fail", detail, remedy };
  }
  if ((mode & 0o077) !== 0) {
    const detail = `"${path}" can be read by others (mode ${mode.toString(8)})`;
    return { name, result: "fail", detail, remedy: `chmod 600 "${path}"` };
  }
  if (file === "keys" && text.includes('"mnemonic"')) {
    const remedy = "To seal it, set OPENAGENTS_PASSPHRASE and start agentd anew";
    return { name, result: "ok", detail: `mode 600, not sealed with a passphrase`, remedy };
  }
  return { name, result: "ok", detail: `mode ${mode.toString(8)}` };
}

async function diskSpace(dir: string): Promise<Check> {
  const { bavail, bsize } = await statfs(dir);
  const free = bavail * bsize;
  const detail = `${Math.floor(free / 1024 / 1024)} MiB free`;
  if (free >= LOW_SPACE) return { name: "disk space", result: "ok", detail };
  return { name: "disk space", result: "warn", detail, remedy: "Make room before it runs out" };
}

async function daemon(where: Where): Promise<Check[]> {
  const start = 'Start it with "agentd" in the project, or say where it is with --url or --data';
  let url: string;
  let token: string | undefined;
  try {
    const target = findTarget(where);
    url = targetUrl(target);
    token = target.token();
  } catch (error) {
    if (error instanceof UsageError) throw error;
    const { code, message } = errorInfo(error);
    const remedy = code === "UNREACHABLE" ? start : undefined;
    return [{ name: "agentd", result: "fail", detail: message, remedy }];
  }
  const client = createClient({ url, token: token ?? "none" });
  try {
    await client.get("/healthz");
  } catch (error) {
    return [{ name: "agentd", result: "fail", detail: errorInfo(error).message, remedy: start }];
  }
  const reachable: Check = { name: "agentd", result: "ok", detail: `answers at ${url}` };
  if (token === undefined) {
    const remedy = "Give --data DIR, --token TOKEN or OPENAGENTS_TOKEN";
    return [reachable, { name: "access", result: "fail", detail: "no token is known", remedy }];
  }
  try {
    const status = await client.get<RuntimeStatus>("/runtime/status");
    const access: Check = { name: "access", result: "ok", detail: "the token is accepted" };
    return [reachable, access, runtime(status), ...locked(status), await stopped(client)];
  } catch (error) {
    const { code, message } = errorInfo(error);
    const remedy = code === "DENIED" ? "Use the token of the data directory it runs on" : undefined;
    return [reachable, { name: "access", result: "fail", detail: message, remedy }];
  }
}

function runtime({ version, ticks, failures, running, ready }: RuntimeStatus): Check {
  // A home of many objects does not count what they do.
  const work =
    ticks === undefined
      ? ""
      : `, ${ticks} ticks since the start, ${failures} failed, ${running} running, ${ready} waiting`;
  return { name: "runtime", result: "ok", detail: `version ${version}${work}` };
}

/** Keys that an operator has to open. */
function locked(status: RuntimeStatus): Check[] {
  if (status.locked !== true) return [];
  const remedy = 'Open them with "agentctl unlock"';
  const detail = "locked: agents that need their key wait";
  return [{ name: "keys", result: "warn", detail, remedy }];
}

/** Agents that only an operator can bring back. */
async function stopped(client: Client): Promise<Check> {
  const names: string[] = [];
  for (const status of ["failed", "quarantined"] satisfies AgentStatus[]) {
    const { items } = await client.page<AgentInfo>(`/agents?status=${status}&limit=10`);
    names.push(...items.map((agent) => `${agent.name} (${status})`));
  }
  if (names.length === 0) return { name: "agents", result: "ok", detail: "none has stopped" };
  const detail = `${names.join(", ")}: no longer working`;
  const remedy = `See "agentctl logs NAME", then bring it back with "agentctl wake NAME"`;
  return { name: "agents", result: "warn", detail, remedy };
}
