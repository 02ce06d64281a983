import { bytesToHex, hexToBytes } from "@noble/hashes/utils.js";
import type { AgentRecord } from "../agent.ts";
import { sha256Hex } from "../hash.ts";
import type { Kernel } from "../kernel.ts";
import { moveOf } from "../move.ts";
import { paths } from "../tree.ts";
import { givenMounts } from "./given-mounts.ts";
import { digestOf, FORMAT, manifestDigest, VERSION } from "./manifest.ts";
import type { Manifest } from "./manifest.ts";

/** The manifest of an agent's bundle as it is now, signed; the key sealed for `to`, if that is given. */
export async function makeManifest(
  kernel: Kernel,
  record: AgentRecord,
  { move, to }: { readonly move?: string | undefined; readonly to?: string | undefined },
): Promise<Manifest> {
  const { store, signer, clock, agents, version: runtime } = kernel;
  const { key: _key, move: _move, labels, ...entry } = record;
  const agent = labels.length > 0 ? { ...entry, labels } : entry;
  const [version] = await store.read(record.id, [paths.version]);
  const definition = agents.get(record.type);
  const home = (await signer.home()).publicKey;
  const left = to === undefined && record.account !== null;
  const facts = {
    format: FORMAT,
    version: VERSION,
    createdAt: (move === undefined ? undefined : moveOf(record).at) ?? clock.now(),
    runtime,
    home,
    agent: left ? agent : { ...agent, account: null },
    key: left
      ? { signer: home }
      : {
          sealed: await signer.seal({ ...record, purpose: "bundle" }, to ?? home),
          for: to ?? home,
        },
    definition: {
      version: Number(version ?? 0),
      digest: definition === undefined ? sha256Hex("") : digestOf(definition),
    },
    mounts: await givenMounts(store, record.id),
    head: (await store.head(record.id)) ?? null,
    ...(move !== undefined && { move }),
  } as const;
  const key = { ...record, purpose: "bundle" };
  const signature = bytesToHex(await signer.sign(key, hexToBytes(manifestDigest(facts))));
  return { ...facts, signature };
}
