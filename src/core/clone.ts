import { checkLabels } from "./agent.ts";
import type { AgentRecord } from "./agent.ts";
import { checkGiven } from "./bundle/given-mounts.ts";
import type { Manifest } from "./bundle/manifest.ts";
import { OpenAgentsError } from "./errors.ts";
import { sha256Hex } from "./hash.ts";
import type { Kernel } from "./kernel.ts";
import { lockedError } from "./locked.ts";
import { controlEnvelope } from "./mailroom.ts";
import { moveText } from "./move.ts";
import type { Restored, RestoredMail, TreeRow } from "./ports/index.ts";
import { sealRecord } from "./trajectory.ts";
import { paths, timerOf } from "./tree.ts";

/**
 * Puts a new agent, `arriving`, into the store, with the state, alarms and memory of the one in a
 * bundle, and a key of its own. Its first record says where they come from.
 * @throws EXISTS when the name is taken, INVALID when there is none, LOCKED while the keys are
 */
export async function cloneAgent(
  kernel: Kernel,
  input: {
    readonly manifest: Manifest;
    readonly name: string | undefined;
    /** Of its key, where a directory elsewhere gives accounts. */
    readonly account: number | undefined;
    readonly parts: AsyncIterable<Restored>;
  },
): Promise<AgentRecord> {
  const { manifest, name, parts } = input;
  const { store, signer, clock } = kernel;
  if (name === undefined) {
    throw new OpenAgentsError("INVALID", "Cannot clone: give the new agent a name");
  }
  // Before it costs an account, as accounts decide which npub comes next.
  if (kernel.keyWaits.locked) throw lockedError();
  const account = input.account ?? (await store.reserve());
  const { npub: id, publicKey } = await signer.identity(account);
  const at = clock.now();
  const { type } = manifest.agent;
  const labels = checkLabels(manifest.agent.labels ?? []);
  const begun = manifest.definition.version > 0;
  const arriving = {
    createdAt: manifest.createdAt,
    was: begun ? ("live" as const) : ("creating" as const),
    head: null,
    complete: false,
  };
  const move = moveText({ arriving })!;
  const entry = { id, publicKey, name, type, labels, account, createdAt: at };
  const record: AgentRecord = { ...entry, status: "arriving", move };
  await store.create(record);
  try {
    const wrote: Record<string, string> = {};
    for await (const part of parts) {
      const files = (part.files ?? []).filter(isCarriedOver);
      for (const { path, value } of files) wrote[path] = sha256Hex(value);
      await store.restore(id, { files });
      await store.sync();
    }
    await checkGiven(store, id, manifest);
    if (!begun) {
      await store.restore(id, { mail: [firstMail(kernel, id)] });
      return record;
    }
    const { row } = sealRecord(
      undefined,
      {
        agent: id,
        code: `${type}@${manifest.definition.version}`,
        at,
        ms: 0,
        trigger: {
          type: "initialize",
          id: `clone:${manifest.head?.hash ?? ""}`,
          from: manifest.agent.id,
          source: "bundle",
        },
        outcome: "done",
        wrote,
      },
      {},
    );
    await store.restore(id, { log: [row] });
    return record;
  } catch (error) {
    await store.remove(id);
    await store.sync();
    throw error;
  }
}

/**
 * What belongs to the work at hand stays behind: parked ticks, their journals, and failures; and the children,
 * who are those of the other one.
 */
const LEFT = [
  "parked/",
  "waits/",
  "journal/",
  "crashes/",
  paths.failures,
  paths.children,
  paths.parent,
];

function isCarriedOver({ path }: TreeRow): boolean {
  if (path.startsWith(paths.timers)) return timerOf(path).kind === "alarm";
  return !LEFT.some((prefix) => path.startsWith(prefix));
}

function firstMail(kernel: Kernel, id: string): RestoredMail {
  const envelope = controlEnvelope(kernel, id, "initialize");
  return { envelope, at: envelope.sentAt, attempts: 0, notBefore: 0 };
}
