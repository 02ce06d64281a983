import { homedir } from "node:os";
import type { Connection } from "../control/client.ts";
import type { RuntimeStatus } from "../control/shapes/home.ts";
import type { TokenInfo } from "../control/tokens.ts";
import type { MailRow, Page } from "../core/ports/index.ts";
import type { Goal } from "../core/ports/memory.ts";
import type { AgentReport } from "../core/runtime.ts";
import { agentNames } from "./agent-names.ts";
import { connectionOf, findTarget } from "./connection.ts";
import type { Where } from "./connection.ts";
import { readContexts } from "./contexts.ts";
import { EXIT } from "./exit-codes.ts";

/** How long the home is asked while somebody waits for a completion, ms; and when that ends at the latest. */
const ASK_FOR = 700;
const DEADLINE = 1500;

/**
 * `agentctl __complete KIND WORDS…`, for the scripts of `agentctl completion`: what there is of a kind
 * (`agents`, `contexts`, `types`, `tokens`, and an agent's `goals` and `triggers`), one a line, by the words before the cursor. It never fails, says nothing
 * else, and ends within two seconds: where the home does not answer, there is nothing.
 */
export async function complete([kind = "", ...words]: readonly string[]): Promise<void> {
  setTimeout(() => process.exit(EXIT.ok), DEADLINE).unref();
  let found: readonly string[] = [];
  try {
    found = await candidates(kind, words);
  } catch {
    // Whoever types is not to be told now.
  }
  for (const word of found) if (/^[\w.-]+$/.test(word)) process.stdout.write(`${word}\n`);
}

async function candidates(kind: string, words: readonly string[]): Promise<readonly string[]> {
  const where = whereIn(words);
  if (kind === "contexts") return Object.keys(readContexts().contexts);
  const connection = connectionOf(findTarget(where), where);
  if (kind === "agents") return agentNames(connection, ASK_FOR);
  if (kind === "tokens") {
    const { items } = (await ask(connection, "/tokens?limit=1000")) as Partial<Page<TokenInfo>>;
    return (items ?? []).map(({ id }) => id);
  }
  if (kind === "goals" || kind === "triggers") {
    // The agent is the operand before.
    const agent = `/agents/${encodeURIComponent(typed(words.at(-1) ?? ""))}`;
    if (kind === "goals") {
      const { items } = (await ask(connection, `${agent}/goals?limit=1000`)) as Partial<Page<Goal>>;
      return (items ?? []).filter(({ status }) => status === "open").map(({ id }) => id);
    }
    const [{ parked }, { items }] = (await Promise.all([
      ask(connection, `${agent}/status`),
      ask(connection, `${agent}/inbox?limit=100`),
    ])) as [Partial<AgentReport>, Partial<Page<MailRow>>];
    return [...(parked ?? []), ...(items ?? []).map(({ envelope }) => envelope.id)];
  }
  if (kind !== "types") return [];
  const { types } = (await ask(connection, "/runtime/status")) as Partial<RuntimeStatus>;
  return types ?? [];
}

async function ask({ url, token }: Connection, path: string): Promise<unknown> {
  const response = await fetch(`${url}${path}`, {
    headers: { authorization: `Bearer ${token}` },
    redirect: "manual",
    signal: AbortSignal.timeout(ASK_FOR),
  });
  return response.json();
}

const PLACES = ["url", "token", "data", "context"] as const;

/** What the words of a command line say of where agentd is, as they were typed. */
function whereIn(words: readonly string[]): Where {
  const where: { -readonly [Key in keyof Where]: string } = {};
  words.forEach((word, i) => {
    for (const key of PLACES) {
      const next = words[i + 1];
      if (word === `--${key}` && next !== undefined) where[key] = typed(next);
      else if (word.startsWith(`--${key}=`)) where[key] = typed(word.slice(key.length + 3));
    }
  });
  return where;
}

/** A word without its quotes, as the shell would have given it in the simple cases. */
function typed(word: string): string {
  const bare = word.replace(/^(["'])(.*)\1$/, "$2");
  return bare.replace(/^~(?=\/|$)/, homedir());
}
