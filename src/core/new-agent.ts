import { checkLabels, checkName } from "./agent.ts";
import type { AgentRecord } from "./agent.ts";
import { OpenAgentsError } from "./errors.ts";
import type { Kernel } from "./kernel.ts";
import { lockedError } from "./locked.ts";
import type { NewAgent } from "./runtime.ts";

/**
 * The entry of an agent that is to be: with the key of an account that is its alone, or with the one
 * that it brings along.
 * @throws INVALID for a bad name, type or key, DENIED for the key's password, EXISTS when an agent has
 * that key, LOCKED while the keys are
 */
export async function newAgent(kernel: Kernel, wanted: NewAgent): Promise<AgentRecord> {
  const { name, type } = wanted;
  const { agents, clock, keyWaits } = kernel;
  checkName(name);
  const labels = checkLabels(wanted.labels ?? []);
  if (!agents.has(type)) {
    const types = [...agents.keys()].join(", ");
    throw new OpenAgentsError(
      "INVALID",
      `Cannot create "${name}": there is no agent type "${type}", there are: ${types}`,
    );
  }
  // Before it costs an account, as accounts decide which npub comes next.
  if (keyWaits.locked) throw lockedError();
  const { id, ...key } = await keyOf(kernel, wanted);
  return { id, name, type, labels, status: "creating", ...key, createdAt: clock.now() };
}

async function keyOf(
  { store, signer }: Kernel,
  { name, key: brought, password }: NewAgent,
): Promise<Pick<AgentRecord, "id" | "publicKey" | "account" | "key">> {
  if (brought === undefined) {
    if (password !== undefined) {
      throw new OpenAgentsError(
        "INVALID",
        `Cannot create "${name}": a password is given, and no key`,
      );
    }
    const account = await store.reserve();
    const { npub, publicKey } = await signer.identity(account);
    return { id: npub, publicKey, account };
  }
  const { npub, publicKey, key } = await signer.importKey(brought, password);
  const owner = await store.get(publicKey);
  if (owner === undefined) return { id: npub, publicKey, account: null, key };
  throw new OpenAgentsError(
    "EXISTS",
    `Cannot create "${name}": "${owner.name}" has this key and is ${owner.status}`,
  );
}
