import { OpenAgentsError } from "../core/errors.ts";
import { TRUST } from "../core/ports/memory.ts";
import type { MemoryTools, Peer, PeerBook, PeerFacts } from "../core/ports/memory.ts";
import { paths } from "../core/tree.ts";
import type { Turns } from "./turns.ts";

/** How exactly it is kept when mail came last, ms: not each mail is worth a write. */
const EXACT = 3_600_000;
/** Whom mail comes from is added by itself up to so many: who makes keys cannot fill the book. */
const STRANGERS = 10_000;
/** Names and relays of one peer; more push out the oldest. */
const KEPT = 16;
const LONGEST = { name: 100, nip05: 320, relay: 500, note: 10_000 } as const;

/** The peer book of one agent: a file for each peer, `memory/peers/<npub>`, as JSON. */
export function peerBook(
  { files, now, npub }: MemoryTools,
  { turns }: { readonly turns: Turns },
): PeerBook & {
  /** Mail came from this key's owner. */
  met(npub: string): Promise<void>;
} {
  const read = async (id: string): Promise<Peer | undefined> => {
    const text = await files.read(paths.peers + id);
    return text === undefined ? undefined : (JSON.parse(text) as Peer);
  };
  const write = (peer: Peer): Peer => {
    files.write(paths.peers + peer.npub, JSON.stringify(peer));
    return peer;
  };
  const keyOf = (key: string): string => {
    const id = typeof key === "string" ? npub(key) : undefined;
    if (id !== undefined) return id;
    throw invalid("a peer is named by its npub or hex key");
  };
  const list: PeerBook["list"] = async ({ after, limit = 100 } = {}) => {
    const rows = await files.list({
      prefix: paths.peers,
      after: after === undefined ? undefined : paths.peers + after,
      limit: Math.min(Math.max(limit, 1), 1000),
    });
    return rows.map(({ value }) => JSON.parse(value) as Peer);
  };

  return {
    list,
    async get(ref) {
      const id = npub(ref);
      if (id !== undefined) return read(id);
      for (let after: string | undefined; ;) {
        const page = await list({ limit: 1000, ...(after !== undefined && { after }) });
        const found = page.find(({ names, nip05 }) => names.includes(ref) || nip05 === ref);
        if (found !== undefined || page.length < 1000) return found;
        after = page.at(-1)!.npub;
      }
    },
    note: (key, facts) =>
      turns(async () => {
        const id = keyOf(key);
        check(facts);
        const known = (await read(id)) ?? stranger(id, now());
        const { name, relays = [], ...rest } = facts;
        const given = Object.fromEntries(Object.entries(rest).filter(([, v]) => v !== undefined));
        return write({
          ...known,
          ...given,
          names: added(known.names, name === undefined ? [] : [name]),
          relays: added(known.relays, relays),
        });
      }),
    forget: (key) =>
      turns(async () => {
        const id = keyOf(key);
        if ((await read(id)) !== undefined) files.remove(paths.peers + id);
      }),
    met: (id) =>
      turns(async () => {
        const at = now();
        const known = await read(id);
        if (known !== undefined) {
          if (at - (known.seenAt ?? 0) >= EXACT) write({ ...known, seenAt: at });
          return;
        }
        const met = Number((await files.read(paths.strangers)) ?? 0);
        if (met >= STRANGERS) return;
        files.write(paths.strangers, String(met + 1));
        write({ ...stranger(id, at), seenAt: at });
      }),
  };
}

function stranger(npub: string, metAt: number): Peer {
  return { npub, names: [], relays: [], trust: "unknown", metAt };
}

function added(known: readonly string[], more: readonly string[]): readonly string[] {
  return [...new Set([...known, ...more])].slice(-KEPT);
}

/** @throws INVALID for a field that cannot be kept */
function check(facts: PeerFacts): void {
  const texts: readonly (readonly [string, unknown, number])[] = [
    ["name", facts.name, LONGEST.name],
    ["nip05", facts.nip05, LONGEST.nip05],
    ["note", facts.note, LONGEST.note],
    ...(facts.relays ?? []).map((relay) => ["relays", relay, LONGEST.relay] as const),
  ];
  for (const [field, text, longest] of texts) {
    if (text === undefined) continue;
    if (typeof text !== "string" || text === "" || text.length > longest || !text.isWellFormed()) {
      throw invalid(`"${field}" must be text of 1 to ${longest} characters`);
    }
  }
  if (facts.relays?.some((relay) => !/^wss?:\/\//.test(relay))) {
    throw invalid('"relays" must be addresses that begin with "wss://" or "ws://"');
  }
  if (facts.trust !== undefined && !TRUST.includes(facts.trust)) {
    throw invalid(`"trust" must be one of ${TRUST.join(", ")}`);
  }
}

function invalid(problem: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot note peer: ${problem}`);
}
