import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";
import { agentMemory } from "../../src/memory/index.ts";
import { modelThinker } from "../../src/models/index.ts";
import { createRuntime, defineRuntime } from "../../src/index.ts";
import type { Runtime } from "../../src/index.ts";
import { sqlite } from "../../src/stores/sqlite.ts";
import { backendConformance, conformanceAgents, localOutside } from "../../src/testing/index.ts";
import type { BackendFixture } from "../../src/testing/index.ts";
import { follow } from "./follow.ts";
import { mortal } from "./mortal.ts";
import { treesOf } from "./trees.ts";

const mnemonic = newMnemonic();
const signer = derivedSigner(mnemonic);

/**
 * What the local backend is made of: the kernel over a SQLite file. A crash takes the file away from
 * under the runtime, which is left behind dead; real ones, by SIGKILL, are in test/crash.
 */
async function local(): Promise<BackendFixture> {
  const outside = localOutside();
  const directory = mkdtempSync(join(tmpdir(), "openagents-local-"));
  const open = (): ReturnType<typeof mortal> => mortal(sqlite(join(directory, "agents.db")));
  const boot = async (release?: 1 | 2): Promise<Runtime> => {
    const definition = defineRuntime({ agents: conformanceAgents(outside, release) });
    const ports = {
      definition,
      store: life.store,
      signer,
      memory: agentMemory,
      thinker: modelThinker(),
      tree: treesOf(() => runtime),
    };
    const runtime: Runtime = createRuntime(ports);
    await runtime.start();
    return runtime;
  };
  let life = open();
  let runtime = await boot();
  return {
    runtime,
    outside,
    async crash(release) {
      await life.die();
      life = open();
      runtime = await boot(release);
      return runtime;
    },
    follow: (ref) => follow(runtime, ref),
    secrets: async () => [mnemonic],
    async dispose() {
      await runtime.stop(0);
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

for (const { name, run } of backendConformance(local)) void test(`local: ${name}`, run);
