import type { AgentFace } from "../../core/ports/index.ts";
import { keepMounts, mountsOf } from "../agent-mounts.ts";
import type { MountChanges } from "../agent-mounts.ts";
import { mountChanges, mountTable } from "../mount-commands.ts";
import type { MountChanger } from "../mount-commands.ts";
import type { FileNode } from "../nodes.ts";
import { linesOf, TEXT_TYPE } from "./content.ts";
import { tickOf } from "./in-tick.ts";

/** Who changes mounts, and what is accepted of changes that are still to be made. */
export interface MountsOptions extends Omit<MountChanger, "agent"> {
  readonly pending: () => readonly MountChanges[];
}

/** `mounts`: what is outside and stands in the tree, a line for each; commands change it, all or none. */
export function mounts(face: AgentFace, { pending, ...changer }: MountsOptions): FileNode {
  const change = async (data: Uint8Array): Promise<void> => {
    const changes = await changesIn(face, data, changer);
    const tick = tickOf(face, "/mounts");
    await keepMounts(face, changes);
    // The files say what is mounted now, by their hashes; who reads the record wants to know who gave what.
    const by = changer.lowersOnly ? "the agent" : "an operator";
    for (const line of linesOf(data, "/mounts")) tick.log(line, { by });
  };
  return {
    read: async () => mountTable((await mountsOf(face, pending())).values()),
    write: change,
    append: change,
    commands: true,
    facts: () => ({ type: TEXT_TYPE, limit: 1_048_576 }),
  };
}

/** What commands change of an agent's mounts as they are. @throws as `mountChanges` */
export async function changesIn(
  face: AgentFace,
  data: Uint8Array,
  changer: Omit<MountChanger, "agent">,
): Promise<MountChanges> {
  const { agent } = face;
  return mountChanges(linesOf(data, "/mounts"), await mountsOf(face), { ...changer, agent });
}
