import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { TestContext } from "node:test";
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

/** A directory for the data of an example, which goes with the test. */
export function dataOf(t: TestContext): string {
  const data = mkdtempSync(join(tmpdir(), "openagents-example-"));
  t.after(() => rmSync(data, { recursive: true }));
  return data;
}

/** What a command printed until it ended. */
export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command of an example to its end. */
export function demo(name: string, ...args: string[]): Promise<Ran> {
  return run(`${name}/demo.ts`, { args });
}

/** Runs a file of the examples to its end, with a script in place of a model. */
export async function run(
  file: string,
  {
    args = [],
    input,
    env,
  }: {
    readonly args?: readonly string[];
    readonly input?: string;
    readonly env?: Readonly<Record<string, string>>;
  } = {},
): Promise<Ran> {
  const child = spawnExample(file, args, env);
  child.stdin.end(input);
  const closed = once(child, "close") as Promise<[number | null]>;
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = await closed;
  return { code, stdout, stderr };
}

/** A file of the examples in a process of its own, which has none of the variables that say which model. */
export function spawnExample(
  file: string,
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): ChildProcessWithoutNullStreams {
  const path = fileURLToPath(new URL(`../../examples/${file}`, import.meta.url));
  const others = Object.entries(process.env).filter(([name]) => !/^OPEN(AI|AGENTS)_/.test(name));
  const env = { ...Object.fromEntries(others), ...more };
  return spawn(process.execPath, [path, ...args], { env, stdio: "pipe" });
}
