import type { Command } from "commander";
import type { Client } from "../../control/client.ts";
import type { Identity } from "../../core/ports/index.ts";
import type { Peer } from "../../core/ports/memory.ts";
import { agentPath, toolsOf } from "../command.ts";
import type { Output } from "../output.ts";

const PAGE = 1000;

/** Commands over whom an agent knows, and who is behind a name. */
export function peerCommands(program: Command): void {
  program
    .command("peers <name>")
    .description("list whom an agent knows")
    .action(async (name: string, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const peers = await peersOf(client, name);
      if (out.json) out.document(peers);
      else if (peers.length === 0) out.talk("None.");
      else
        out.table(
          ["NPUB", "NAMES", "TRUST", "SEEN", "NOTE"],
          peers.map((peer) => peerRow(out, peer)),
        );
    });

  program
    .command("resolve <name>")
    .description("print the npub of a name, a hex key or name@domain (NIP-05)")
    .action(async (name: string, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const found = await client.get<Identity>(`/runtime/resolve?name=${encodeURIComponent(name)}`);
      if (out.json) out.document(found);
      else out.print(found.npub);
    });
}

async function peersOf(client: Client, name: string): Promise<readonly Peer[]> {
  const peers: Peer[] = [];
  for (;;) {
    const after = peers.at(-1)?.npub ?? "";
    const path = agentPath(name, `/peers?after=${after}&limit=${PAGE}`);
    const { items } = await client.page<Peer>(path);
    peers.push(...items);
    if (items.length < PAGE) return peers;
  }
}

function peerRow(out: Output, { npub, names, nip05, trust, seenAt, note }: Peer): string[] {
  const known = [...names, ...(nip05 === undefined ? [] : [nip05])].join(", ");
  return [npub, known, trust, out.time(seenAt), note ?? ""];
}
