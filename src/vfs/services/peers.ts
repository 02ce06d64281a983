import { isNpub } from "../../core/agent.ts";
import type { AgentFace } from "../../core/ports/index.ts";
import type { Peer } from "../../core/ports/memory.ts";
import type { DirectoryNode, FileNode } from "../nodes.ts";
import { JSON_TYPE, parsedObject, pretty, refused, sizeOf } from "./content.ts";
import { tickOf } from "./in-tick.ts";
import { pageOf } from "./pages.ts";

const MOST = 65_536;

/** What is noted of a peer, and what is only read. */
const FACTS = ["name", "nip05", "relays", "trust", "note"] as const;
const READ = ["npub", "metAt", "seenAt"] as const;

/** `memory/peers`: a file for each peer, by its npub. What is written is added to what is known. */
export function peers(face: AgentFace): DirectoryNode {
  const { memory } = face;
  const note = async (npub: string, data: Uint8Array): Promise<string> => {
    const what = `/memory/peers/${npub}`;
    if (!isNpub(npub)) throw refused(what, "a peer is named by its npub");
    const given = parsedObject(data, what, [...FACTS, "names", ...READ]);
    if (given["npub"] !== undefined && given["npub"] !== npub) {
      throw refused(what, `its "npub" must be the name of its file, or not be there`);
    }
    const { relays } = given;
    if (relays !== undefined && !Array.isArray(relays)) {
      throw refused(what, '"relays" must be a list');
    }
    tickOf(face, what);
    const facts = FACTS.filter((field) => given[field] !== undefined);
    const noted = await memory.peers.note(
      npub,
      Object.fromEntries(facts.map((field) => [field, given[field]])),
    );
    for (const name of [given["names"] ?? []].flat()) {
      if (noted.names.includes(name as string)) continue;
      await memory.peers.note(npub, { name: name as string });
    }
    return npub;
  };
  const nodeOf = (peer: Peer): FileNode => ({
    read: () => pretty(peer),
    write: async (data) => void (await note(peer.npub, data)),
    async remove() {
      tickOf(face, "/memory/peers");
      await memory.peers.forget(peer.npub);
    },
    facts: () => ({ type: JSON_TYPE, modifiedAt: peer.seenAt ?? peer.metAt, limit: MOST }),
  });
  return {
    list: (query) =>
      pageOf(query, (cursor) => eachPeer(face, cursor), {
        entry: (peer) => ({
          name: peer.npub,
          node: nodeOf(peer),
          facts: sizeOf(pretty(peer), peer.seenAt ?? peer.metAt),
        }),
        mark: ({ npub }) => npub,
      }),
    async at(name) {
      const peer = isNpub(name) ? await memory.peers.get(name) : undefined;
      return peer && nodeOf(peer);
    },
    create: note,
    facts: () => ({ limit: MOST }),
  };
}

/** All peers that are known, by npub, after one. */
export async function* eachPeer(
  { memory }: AgentFace,
  cursor: string | undefined,
): AsyncGenerator<Peer, void, undefined> {
  const limit = 100;
  for (let after = cursor; ;) {
    const page = await memory.peers.list({ limit, ...(after !== undefined && { after }) });
    yield* page;
    if (page.length < limit) return;
    after = page.at(-1)!.npub;
  }
}
