import type { Command } from "commander";
import { SCOPES } from "../../control/access.ts";
import type { Scope } from "../../control/access.ts";
import type { Client } from "../../control/client.ts";
import type { MadeToken, NewToken, TokenInfo } from "../../control/tokens.ts";
import type { AgentInfo } from "../../core/runtime.ts";
import { allItems } from "../all-items.ts";
import { agentPath, toolsOf, wordOption } from "../command.ts";
import { durationMs, oneOf, UsageError, wholeNumber } from "../usage-error.ts";

interface CreateOptions {
  readonly scope: string;
  readonly agent?: readonly string[];
  readonly label?: readonly string[];
  readonly rate?: string;
  readonly expires?: string;
}

const MOST_REQUESTS = 1_000_000;

/** `agentctl tokens`: who may use the API. */
export function tokenCommands(program: Command): void {
  const tokens = program
    .command("tokens")
    .description("let others use the API: create, list, revoke");
  tokens
    .command("create <name>")
    .description("make a token and print it, once")
    .addOption(
      wordOption("--scope <scope>", "what it may do: read, operate as well, or all", [
        ...SCOPES,
      ]).makeOptionMandatory(),
    )
    .option("--agent <agents...>", "with these agents only")
    .option("--label <labels...>", "with agents that have one of these labels only")
    .option("--rate <number>", "requests in a minute (default: 6000)")
    .option("--expires <duration>", "until then, such as 30d (default: until it is revoked)")
    .action(create);
  tokens
    .command("list")
    .description("list the tokens; what they are made of is shown nowhere")
    .action(async (_options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const found = await allItems<TokenInfo>(client, "/tokens");
      if (out.json) return out.document(found);
      if (found.length === 0) {
        return out.talk("None. Make one with: agentctl tokens create NAME --scope read");
      }
      const names = await namesOf(client, found);
      return out.table(
        ["ID", "NAME", "SCOPE", "ONLY", "RATE", "CREATED", "EXPIRES"],
        found.map(({ id, name, scope, rate, createdAt, expiresAt, ...bounds }) => [
          id,
          name,
          scope,
          boundsText(bounds, names),
          rate === undefined ? "-" : `${rate}/min`,
          out.time(createdAt),
          out.time(expiresAt),
        ]),
      );
    });
  tokens
    .command("revoke <token>")
    .description("have a token, by its id, let nobody in any more")
    .action(async (given: string, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const id = idOf(given);
      await client.delete(`/tokens/${encodeURIComponent(id)}`);
      if (out.json) out.document({ id, done: "revoke" });
      else out.talk(`Revoked ${id}.`);
    });
}

async function create(name: string, options: CreateOptions, command: Command): Promise<void> {
  const scope = oneOf<Scope>("--scope", options.scope, SCOPES)!;
  const { label: labels } = options;
  const rate =
    options.rate === undefined
      ? undefined
      : wholeNumber("--rate", options.rate, { min: 1, max: MOST_REQUESTS });
  const life = options.expires === undefined ? undefined : durationMs("--expires", options.expires);
  if (life === 0) throw new UsageError("Cannot use --expires: no token can be used for no time");
  const { client, out } = toolsOf(command);
  // By their ids, as a name may pass to another agent; and nobody gets a token for one that is not there.
  const agents = options.agent && (await agentIds(client, options.agent));
  const body: NewToken = {
    name,
    scope,
    agents,
    labels,
    rate,
    expiresAt: life === undefined ? undefined : Date.now() + life,
  };
  const made = await client.post<MadeToken>("/tokens", { body });
  if (out.json) {
    out.document(made);
    return;
  }
  out.print(made.token);
  out.talk(`It is not shown again. Take it back with: agentctl tokens revoke ${made.id}`);
}

async function agentIds(client: Client, refs: readonly string[]): Promise<readonly string[]> {
  const agents = await Promise.all(refs.map((ref) => client.get<AgentInfo>(agentPath(ref))));
  return agents.map(({ id }) => id);
}

/** The names of the agents that tokens are bound to, by their ids. */
async function namesOf(
  client: Client,
  tokens: readonly TokenInfo[],
): Promise<ReadonlyMap<string, string>> {
  if (tokens.every(({ agents }) => agents === undefined)) return new Map();
  const agents = await allItems<AgentInfo>(client, "/agents");
  return new Map(agents.map(({ id, name }) => [id, name]));
}

function boundsText(
  { agents = [], labels = [] }: Pick<TokenInfo, "agents" | "labels">,
  names: ReadonlyMap<string, string>,
): string {
  const labelled = labels.map((label) => `label ${label}`);
  return [...agents.map((id) => names.get(id) ?? id), ...labelled].join(", ") || "-";
}

/** The id of a token that was given by it, or as it is: what has leaked is at hand. */
function idOf(given: string): string {
  const id = /^oat_([0-9a-f]+)_/.exec(given)?.[1] ?? given;
  if (/^[\w-]+$/.test(id)) return id;
  throw new UsageError(`Cannot use "${given}" as the id of a token: see "agentctl tokens list"`);
}
