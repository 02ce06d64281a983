import type { Command } from "commander";
import type { SecretInfo } from "../../control/secrets.ts";
import { isOwnSecret, isSecretName } from "../../core/secret-name.ts";
import { allItems } from "../all-items.ts";
import { toolsOf } from "../command.ts";
import { readSecretText } from "../secret.ts";
import { UsageError } from "../usage-error.ts";

/** `agentctl secret`: what models and tools are given by name. */
export function secretCommands(program: Command): void {
  const secret = program
    .command("secret")
    .description("what models and tools are given, and nobody is shown: set, list, remove");
  secret
    .command("set <name>")
    .description("store a secret, in place of one of that name: typed, or all of stdin")
    // Refused here, and not by commander, which says what they are.
    .allowExcessArguments()
    .action(async (name: string, _options: unknown, command: Command) => {
      const path = pathOf(name);
      if (command.args.length > 1) {
        throw new UsageError(
          "Cannot take a value from the command line, where others see it: it is typed, or comes from stdin",
        );
      }
      const { client, out } = toolsOf(command);
      const value = await readSecretText(`value of ${name}`);
      const info = await client.put<SecretInfo>(path, { body: { value } });
      if (out.json) out.document(info);
      else out.talk(`Stored ${name}. It is not shown again.`);
    });
  secret
    .command("list")
    .description("list the names of the stored secrets")
    .action(async (_options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const found = await allItems<SecretInfo>(client, "/secrets");
      if (out.json) return out.document(found);
      if (found.length === 0) return out.talk("None. Store one with: agentctl secret set NAME");
      return out.table(
        ["NAME", "SET"],
        found.map(({ name, setAt }) => [name, out.time(setAt)]),
      );
    });
  secret
    .command("remove <name>")
    .description("have a stored secret be given to nobody any more")
    .action(async (name: string, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      await client.delete(pathOf(name));
      if (out.json) out.document({ name, done: "remove" });
      else out.talk(`Removed ${name}.`);
    });
}

/** What is no name is not quoted: it may be the secret, or end with it. */
function pathOf(name: string): string {
  if (isSecretName(name) && !isOwnSecret(name)) return `/secrets/${name}`;
  throw new UsageError(
    'Cannot use that name: it must be letters, digits and "_", as of a variable, and not begin with "OPENAGENTS_"; the value is typed, or comes from stdin',
  );
}
