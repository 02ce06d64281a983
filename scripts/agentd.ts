import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const AGENTD = fileURLToPath(new URL("../src/cli/agentd.ts", import.meta.url));

/** A real agentd in a process of its own. */
export interface Daemon {
  readonly url: string;
  readonly pid: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Its exit code; null when it was killed. */
  readonly ended: Promise<number | null>;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  get(path: string): Promise<Record<string, unknown>>;
}

/** Starts agentd, on any free port unless it is to have one, with these options; resolves when it listens. */
export async function start(
  config: URL,
  data: string,
  port: number = 0,
  ...options: readonly string[]
): Promise<Daemon> {
  const at = ["--config", fileURLToPath(config), "--data", data, "--port", String(port)];
  const args = [AGENTD, ...at, ...options];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | null>((resolve) => {
    child.once("exit", resolve);
  });
  let output = "";
  const url = await new Promise<string>((resolve, reject) => {
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
      const [, found] = /listening on (http:\S+)/.exec(output) ?? [];
      if (found !== undefined) resolve(found);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    void ended.then((code) => reject(new Error(`agentd exited with ${code}: ${output}`)));
  });
  const token = readFileSync(join(data, "token"), "utf8").trim();
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  return {
    url,
    pid: child.pid!,
    headers,
    ended,
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    async get(path) {
      const response = await fetch(url + path, { headers });
      return (await response.json()) as Record<string, unknown>;
    },
  };
}
