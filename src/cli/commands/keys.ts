import type { Command } from "commander";
import type { Identity } from "../../core/ports/index.ts";
import type { KeyInfo } from "../../core/runtime.ts";
import { KEY_PASSWORD } from "../brought-key.ts";
import { agentPath, toolsOf } from "../command.ts";
import { readSecret } from "../secret.ts";
import type { RuntimeStatus } from "../../control/shapes/home.ts";

/** The variable that may hold the passphrase of the key file. */
export const PASSPHRASE = "OPENAGENTS_PASSPHRASE";

/** `agentctl unlock`, and the commands over the keys of a running agentd; the command that these are of. */
export function keyCommands(program: Command): Command {
  program
    .command("unlock")
    .description("open the keys of an agentd that was started without the passphrase")
    .action(async (_options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const { locked } = await client.get<RuntimeStatus>("/runtime/status");
      if (locked !== false) {
        const passphrase = await readSecret({
          what: "passphrase of the key file",
          variable: PASSPHRASE,
        });
        await client.post("/runtime/unlock", { body: { passphrase } });
      }
      if (out.json) out.document({ locked: false });
      out.talk(locked === false ? "The keys are open." : "Opened the keys: what waited goes on.");
    });

  const keys = program.command("keys").description("keys: show, export, backup, restore");
  keys
    .command("show [name]")
    .description(
      "show an agent's public key, and where its key is from; without a name, the runtime's",
    )
    .action(async (name: string | undefined, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const found: Identity & Partial<KeyInfo> =
        name === undefined
          ? await client.get<Identity>("/runtime/identity")
          : await client.get<KeyInfo>(agentPath(name, "/key"));
      const { npub, publicKey: pubkey, ...rest } = found;
      if (out.json) return out.document({ npub, pubkey, ...rest });
      out.print(`npub    ${npub}\npubkey  ${pubkey}`);
      if (rest.source !== undefined) out.print(`key     ${sourceText(rest)}`);
    });

  keys
    .command("export <name>")
    .description(`print an agent's private key under a password (or ${KEY_PASSWORD}): an ncryptsec`)
    .action(async (name: string, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const { npub } = await client.get<KeyInfo>(agentPath(name, "/key"));
      const password = await readSecret({
        what: "password for the key",
        variable: KEY_PASSWORD,
        twice: true,
      });
      const { ncryptsec } = await client.post<{ readonly ncryptsec: string }>(
        agentPath(npub, "/key/export"),
        { body: { password } },
      );
      if (out.json) out.document({ npub, ncryptsec });
      else out.print(ncryptsec);
      out.talk(
        `Whoever has this and the password is ${name}. Its next record says that it was exported.`,
      );
    });
  return keys;
}

function sourceText({ source, account }: Partial<KeyInfo>): string {
  return source === "derived" ? `derived, account ${account}` : "imported";
}
