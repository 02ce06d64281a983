import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A daemon of its own process. */
export interface Agentd {
  readonly url: string;
  readonly token: string;
  readonly pid: number;
  /** When the process was asked for, as `performance.now()` has it. */
  readonly spawnedAt: number;
  /** How long it took until it said that it is ready, ms. */
  readonly ready: number;
  stop(): Promise<void>;
}

/** Starts `agentd` on a data directory; resolves when it is ready. */
export async function startAgentd(data: string, options: readonly string[] = []): Promise<Agentd> {
  const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
  const args = [path("../bin/agentd.js"), "--config", path("agentd.config.ts")];
  const spawnedAt = performance.now();
  const child = run([...args, "--data", data, "--port", "0", ...options]);
  const url = await addressOf(child);
  const ready = performance.now() - spawnedAt;
  return {
    url,
    token: readFileSync(join(data, "token"), "utf8").trim(),
    pid: child.pid!,
    spawnedAt,
    ready,
    stop: () => stop(child),
  };
}

/** The raw floor behind HTTP, see `http-floor.ts`, in a process of its own. */
export async function startHttpFloor(
  ...args: readonly "accept"[]
): Promise<Pick<Agentd, "url" | "token" | "stop">> {
  const child = run([fileURLToPath(new URL("http-floor.ts", import.meta.url)), ...args]);
  return { url: await addressOf(child), token: "none", stop: () => stop(child) };
}

/** The floor of the fan-out, see `fanout-floor.ts`, in a process of its own. */
export async function startFanoutFloor(): Promise<Pick<Agentd, "url" | "token" | "stop">> {
  const child = run([fileURLToPath(new URL("fanout-floor.ts", import.meta.url))]);
  return { url: await addressOf(child), token: "none", stop: () => stop(child) };
}

/** The floor of what is read over HTTP, see `static-floor.ts`, in a process of its own. */
export async function startStaticFloor(
  bytes: number,
): Promise<Pick<Agentd, "url" | "token" | "stop">> {
  const child = run([fileURLToPath(new URL("static-floor.ts", import.meta.url)), String(bytes)]);
  return { url: await addressOf(child), token: "none", stop: () => stop(child) };
}

/** Where a process says that it listens. */
function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    child.stdout?.on("data", (chunk) => {
      said += String(chunk);
      const found = /listening on (\S+)/.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once("exit", (code) => reject(new Error(`A process ended with ${code}`)));
  });
}

async function stop(child: ChildProcess): Promise<void> {
  const ended = exit(child);
  child.kill("SIGTERM");
  await ended;
}

/** RSS, in bytes, of a process that has a store open. See `held.ts` for what it does before. */
export function rssOf(
  path: string,
  { ticks, agents }: { readonly ticks: number; readonly agents: number },
): Promise<number> {
  return weigh("held.ts", [path, String(ticks), String(agents)]);
}

/** RSS, in bytes, of a process that runs the schedules of a home. See `scheduled.ts`. */
export function scheduledRss(path: string): Promise<number> {
  return weigh("scheduled.ts", [path]);
}

/** What a script that weighs itself says. */
async function weigh(name: string, args: readonly string[]): Promise<number> {
  const script = fileURLToPath(new URL(name, import.meta.url));
  const child = run(["--expose-gc", script, ...args]);
  let said = "";
  child.stdout?.on("data", (chunk) => {
    said += String(chunk);
  });
  const code = await exit(child);
  if (code !== 0) throw new Error(`${name} ended with ${code}`);
  return Number(said);
}

/** Node, with its errors passed on, which does not outlive this process. */
function run(args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const kill = (): unknown => child.kill("SIGKILL");
  process.on("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  return child;
}

function exit(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    child.once("close", resolve);
  });
}
