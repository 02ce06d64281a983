import { isKey } from "./agent.ts";
import { OpenAgentsError } from "./errors.ts";
import { newId } from "./kernel.ts";
import type { Kernel } from "./kernel.ts";
import type { AgentFiles, TickMemory } from "./ports/memory.ts";

/** The memory of an agent over its files. @throws CONFIG where the runtime was made without one */
export function memoryOver(kernel: Kernel, files: AgentFiles): TickMemory {
  const { memory, clock, signer } = kernel;
  if (memory === undefined) {
    throw new OpenAgentsError(
      "CONFIG",
      "Cannot use ctx.memory and ctx.goals: this runtime has no memory",
    );
  }
  return memory({
    files,
    now: () => clock.now(),
    newId: () => newId(kernel),
    npub(key) {
      if (!isKey(key)) return undefined;
      const publicKey = key.startsWith("npub1") ? signer.publicKey(key) : key.toLowerCase();
      return publicKey === undefined ? undefined : signer.npub(publicKey);
    },
  });
}
