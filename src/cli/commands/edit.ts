import type { Command } from "commander";
import type { Client } from "../../control/client.ts";
import { etagOf } from "../../control/etag.ts";
import { errorInfo, OpenAgentsError } from "../../core/errors.ts";
import type { AgentUpdate } from "../../core/operations.ts";
import type { AgentInfo } from "../../core/runtime.ts";
import { agentPath, toolsOf } from "../command.ts";
import { UsageError } from "../usage-error.ts";

interface EditOptions {
  readonly name?: string;
  /** False for none. */
  readonly label?: readonly string[] | false;
  readonly addLabel?: readonly string[];
  readonly removeLabel?: readonly string[];
}

/** `agentctl edit`: another name, other labels. */
export function editCommand(program: Command): void {
  program
    .command("edit <name>")
    .description("give an agent another name or other labels")
    .option("--name <name>", "its new name")
    .option("--label <labels...>", "these labels, in place of those it has")
    .option("--no-label", "no labels")
    .option("--add-label <labels...>", "these labels too")
    .option("--remove-label <labels...>", "these labels no more")
    .action(async (ref: string, options: EditOptions, command: Command) => {
      if (Object.values(options).every((value) => value === undefined)) {
        throw new UsageError(
          "Cannot edit: say what is to be otherwise: --name, --label, --no-label, --add-label or --remove-label",
        );
      }
      const { label, addLabel, removeLabel } = options;
      if (label !== undefined && (addLabel ?? removeLabel) !== undefined) {
        throw new UsageError(
          "Cannot edit: --label and --no-label say all labels: leave out --add-label and --remove-label",
        );
      }
      const { client, out } = toolsOf(command);
      const before = await client.get<AgentInfo>(agentPath(ref));
      const after = await update(client, before, changeOf(before, options));
      if (out.json) return out.document(after);
      const labels = after.labels.length === 0 ? "no labels" : `labels ${after.labels.join(", ")}`;
      const renamed = after.name === before.name ? "" : `${before.name} is `;
      return out.talk(`${renamed}${after.name}: ${labels}`);
    });
}

function changeOf({ labels }: AgentInfo, options: EditOptions): AgentUpdate {
  const { name, label, addLabel, removeLabel } = options;
  const change: AgentUpdate = name === undefined ? {} : { name };
  if (label !== undefined) return { ...change, labels: label === false ? [] : label };
  if (addLabel === undefined && removeLabel === undefined) return change;
  const kept = labels.filter((one) => removeLabel?.includes(one) !== true);
  return { ...change, labels: [...new Set([...kept, ...(addLabel ?? [])])] };
}

/** Changes the agent that was looked at, and no other state of it. */
async function update(client: Client, before: AgentInfo, body: AgentUpdate): Promise<AgentInfo> {
  try {
    const headers = { "if-match": etagOf(before) };
    return await client.patch<AgentInfo>(agentPath(before.id), { body, headers });
  } catch (error) {
    if (errorInfo(error).code !== "PRECONDITION") throw error;
    throw new OpenAgentsError(
      "PRECONDITION",
      `Cannot edit "${before.name}": somebody else changed it meanwhile, and nothing of this was done: look at it with "agentctl info ${before.id}", then try again`,
      { cause: error },
    );
  }
}
