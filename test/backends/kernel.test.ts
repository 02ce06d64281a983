import { test } from "node:test";
import { createRuntime, defineRuntime } from "../../src/index.ts";
import type { Runtime } from "../../src/index.ts";
import { derivedSigner } from "../../src/identity/derived-signer.ts";
import { newMnemonic } from "../../src/identity/nip06.ts";
import { agentMemory } from "../../src/memory/index.ts";
import { modelThinker } from "../../src/models/index.ts";
import { memoryStore } from "../../src/stores/memory.ts";
import { backendConformance, conformanceAgents, localOutside } from "../../src/testing/index.ts";
import type { BackendFixture } from "../../src/testing/index.ts";
import { follow } from "./follow.ts";
import { mortal } from "./mortal.ts";
import { treesOf } from "./trees.ts";

const mnemonic = newMnemonic();
const signer = derivedSigner(mnemonic);

/** The kernel alone, over a store whose undurable changes a crash loses. */
async function kernel(): Promise<BackendFixture> {
  const outside = localOutside();
  const disk = memoryStore();
  let life = mortal(disk);
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
  let runtime = await boot();
  return {
    runtime,
    outside,
    async crash(release) {
      void life.die();
      disk.crash();
      life = mortal(disk);
      runtime = await boot(release);
      return runtime;
    },
    follow: (ref) => follow(runtime, ref),
    secrets: async () => [mnemonic],
    dispose: () => runtime.stop(0),
  };
}

for (const { name, run } of backendConformance(kernel)) void test(`kernel: ${name}`, run);
