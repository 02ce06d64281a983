import { isNpub } from "../../core/agent.ts";
import type { PublicEvent } from "../../core/context.ts";
import type { AgentFace } from "../../core/ports/index.ts";
import type { Peer } from "../../core/ports/memory.ts";
import { fixedDirectory } from "../nodes.ts";
import type { DirectoryNode, FileNode } from "../nodes.ts";
import { JSON_TYPE, parsedObject, spoken, textFile, TEXT_TYPE } from "./content.ts";
import { tickOf } from "./in-tick.ts";
import { pageOf } from "./pages.ts";
import { eachPeer } from "./peers.ts";

/** `nostr`: the relays of the home; events that the agent publishes, and messages that it sends. */
export function nostr(face: AgentFace): DirectoryNode {
  const send = async (data: Uint8Array): Promise<string> => {
    const event = parsedObject(data, "/nostr/publish", ["kind", "content", "tags", "mentions"]);
    // What it must be is checked where it is published.
    return tickOf(face, "/nostr").publish(event as unknown as PublicEvent);
  };
  return fixedDirectory({
    relays: textFile(() => face.relays.map((relay) => `${relay}\n`).join("")),
    publish: {
      exchange: async (data) => `${await send(data)}\n`,
      write: async (data) => void (await send(data)),
      facts: () => ({ type: JSON_TYPE, limit: face.limits.envelopeBytes }),
    },
    dm: messages(face),
  });
}

/** A file for each peer that is known, and for any npub: what is written is sent. */
function messages(face: AgentFace): DirectoryNode {
  const nodeOf = (npub: string): FileNode => {
    const send = async (data: Uint8Array): Promise<void> => {
      await tickOf(face, "/nostr").send(npub, spoken(data, "a message"));
    };
    return {
      write: send,
      append: send,
      facts: () => ({ type: TEXT_TYPE, size: 0, limit: face.limits.envelopeBytes }),
    };
  };
  return {
    list: (query) =>
      pageOf<Peer>(query, (cursor) => eachPeer(face, cursor), {
        entry: ({ npub }) => ({ name: npub, node: nodeOf(npub), facts: { size: 0 } }),
        mark: ({ npub }) => npub,
      }),
    at: (name) => (isNpub(name) ? nodeOf(name) : undefined),
  };
}
