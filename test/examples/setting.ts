import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import type { Json, Runtime } from "@openagents/runtime";
import { createRuntime, defineRuntime } from "@openagents/runtime";
import { memoryStore } from "@openagents/runtime/stores/memory";
import type { ManualClock } from "@openagents/runtime/testing";
import { fakeSigner, manualClock } from "@openagents/runtime/testing";
import config from "../../examples/openagents.config.ts";

/** The agents of the examples in memory, in a time that a test moves on. */
export interface Setting {
  readonly runtime: Runtime;
  readonly clock: ManualClock;
  /** Sends and waits until it is dealt with; the replies. */
  ask(name: string, payload: Json): Promise<readonly Json[]>;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function setting(): Promise<Setting> {
  const clock = manualClock(Date.UTC(2026, 0, 1, 12));
  const { agents, ensure } = config;
  const runtime = createRuntime({
    definition: defineRuntime({ agents: [...agents.values()], ensure }),
    store: memoryStore(),
    signer: fakeSigner(),
    clock,
  });
  await runtime.start();
  await clock.advance(0);
  return {
    runtime,
    clock,
    async ask(name, payload) {
      // Turn after turn of the event loop, as agents may be waiting for the world outside.
      const turns = setInterval(() => void clock.advance(0), 0);
      try {
        return (await runtime.ask(name, { payload }, { timeout: 3_600_000 })).replies;
      } finally {
        clearInterval(turns);
      }
    },
    [Symbol.asyncDispose]: () => runtime.stop(0),
  };
}

/** Runs the command of an example to its end; what it printed. */
export async function demo(
  name: string,
  ...args: string[]
): Promise<{ readonly code: number | null; readonly stdout: string; readonly stderr: string }> {
  const file = fileURLToPath(new URL(`../../examples/${name}/demo.ts`, import.meta.url));
  const child = spawn(process.execPath, [file, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  const closed = once(child, "close") as Promise<[number | null]>;
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await closed;
  return { code, stdout, stderr };
}
