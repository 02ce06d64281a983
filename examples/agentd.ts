import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A process that runs agentd. */
export interface Agentd {
  readonly url: string;
  /** Ends it with SIGKILL, which no process can catch. */
  kill(): Promise<void>;
}

const CONFIG = new URL("openagents.config.ts", import.meta.url);

/** Starts agentd on a data directory and a free port, and waits until it listens. */
export async function startAgentd(
  data: string,
  config: URL = CONFIG,
  more: readonly string[] = [],
): Promise<Agentd> {
  const program = fileURLToPath(new URL("../bin/agentd.js", import.meta.url));
  const options = ["--config", fileURLToPath(config), "--data", data, "--port", "0", ...more];
  const child = spawn(process.execPath, [program, ...options], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const kill = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  };
  for await (const line of createInterface(child.stdout)) {
    const [, url] = line.split("listening on ");
    if (url !== undefined) return { url, kill };
  }
  throw new Error("agentd did not start");
}
