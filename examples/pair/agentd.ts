import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A process that runs agentd with the agents of the examples. */
export interface Agentd {
  readonly url: string;
  /** Ends it with SIGKILL, which no process can catch. */
  kill(): Promise<void>;
}

/** Starts agentd on a data directory and a free port, and waits until it listens. */
export async function startAgentd(data: string): Promise<Agentd> {
  const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
  const options = ["--config", path("../openagents.config.ts"), "--data", data, "--port", "0"];
  const child = spawn(process.execPath, [path("../../bin/agentd.js"), ...options], {
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
