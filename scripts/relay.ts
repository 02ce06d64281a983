import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A Nostr relay in a process of its own, on loopback, with what it stores on disk. */
export interface TestRelay {
  readonly url: string;
  /** All bytes that it has stored. */
  stored(): Buffer;
  /** Ends it with SIGKILL. */
  kill(): Promise<void>;
  /** Starts it again, on the same port and what is stored. */
  start(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface RelayOptions {
  /** It wants NIP-42 before it serves direct messages. */
  readonly auth?: boolean;
  /** The most events that it gives for one filter. Default 1000. */
  readonly page?: number;
}

const MAIN = fileURLToPath(new URL("relay/main.ts", import.meta.url));

/** Starts a relay on any free port. */
export async function startRelay({ auth, page = 1000 }: RelayOptions = {}): Promise<TestRelay> {
  const directory = mkdtempSync(join(tmpdir(), "openagents-relay-"));
  let child: ChildProcess | undefined;
  let port = 0;

  const start = async (): Promise<void> => {
    const options = ["--file", join(directory, "relay.db"), "--port", String(port)];
    const more = ["--page", String(page), ...(auth === true ? ["--auth"] : [])];
    child = spawn(process.execPath, [MAIN, ...options, ...more], {
      // It ends when this process does, however that ends.
      stdio: ["pipe", "pipe", "inherit"],
    });
    for await (const line of createInterface(child.stdout!)) {
      port = Number(line);
      return;
    }
    throw new Error("The relay did not start");
  };
  const kill = async (): Promise<void> => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const closed = once(child, "close");
    child.kill("SIGKILL");
    await closed;
  };
  await start();
  return {
    url: `ws://127.0.0.1:${port}`,
    stored: () =>
      Buffer.concat(readdirSync(directory).map((name) => readFileSync(join(directory, name)))),
    kill,
    start,
    async [Symbol.asyncDispose]() {
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
