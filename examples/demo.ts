import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import type { Json, Runtime } from "@openagents/runtime";
import { startLocal } from "@openagents/runtime/backends/local";
import config from "./openagents.config.ts";

/** Shows something in the data directory of `--data`, or in one that is gone afterwards. */
export async function inDataDirectory(show: (data: string) => Promise<void>): Promise<void> {
  const { values } = parseArgs({ options: { data: { type: "string" } } });
  const data = values.data ?? mkdtempSync(join(tmpdir(), "openagents-example-"));
  try {
    await show(data);
  } finally {
    if (values.data === undefined) rmSync(data, { recursive: true });
  }
}

/** Shows something with the agents of the examples at work in this process. */
export async function withAgents(show: (runtime: Runtime) => Promise<void>): Promise<void> {
  await inDataDirectory(async (data) => {
    const local = await startLocal({ definition: config, data, port: 0 });
    try {
      await show(local.runtime);
    } finally {
      await local.stop();
    }
  });
}

/** Sends a message and waits; the text that it is answered with. */
export async function ask(runtime: Runtime, name: string, payload: Json): Promise<string> {
  const { outcome, error, replies } = await runtime.ask(name, { payload }, { timeout: 60_000 });
  if (outcome !== "done") throw new Error(`${name}: ${outcome}: ${error?.message ?? "no answer"}`);
  return replies.filter((reply) => typeof reply === "string").join("\n");
}

/** Looks again and again until there is something. */
export async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const seen = await look();
    if (seen !== undefined) return seen;
    await sleep(20);
  }
}
