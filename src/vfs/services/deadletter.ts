import type { AgentFace } from "../../core/ports/index.ts";
import type { DirectoryNode } from "../nodes.ts";
import { refused, spoken } from "./content.ts";
import { operatorOf } from "./in-tick.ts";
import { mailbox } from "./mail.ts";

/** `deadletter`: what could not be acted on, by its position; `replay` or `discard` is written to it. */
export function deadletter(face: AgentFace): DirectoryNode {
  const letters = mailbox(face, "deadletter", ({ envelope: { id } }) => {
    const act = async (data: Uint8Array): Promise<void> => {
      const verb = spoken(data, "a dead letter");
      if (verb !== "replay" && verb !== "discard") {
        throw refused(
          "a dead letter",
          `${JSON.stringify(verb.slice(0, 40))} is neither "replay" nor "discard"`,
        );
      }
      await operatorOf(face, "/deadletter")[verb](id);
    };
    return {
      write: act,
      append: act,
      commands: true,
      remove: async () => operatorOf(face, "/deadletter").discard(id),
    };
  });
  return { ...letters, removable: true };
}

/** Puts the dead letter of this name back into the inbox; false when there is none. */
export async function replay(face: AgentFace, name: string): Promise<boolean> {
  const node = await deadletter(face).at(name);
  if (node === undefined || !("write" in node)) return false;
  await node.write?.(new TextEncoder().encode("replay"), {});
  return true;
}
