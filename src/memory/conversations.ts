import { OpenAgentsError } from "../core/errors.ts";
import type {
  Conversation,
  ConversationFacts,
  Conversations,
  MemoryTools,
} from "../core/ports/memory.ts";
import { paths } from "../core/tree.ts";
import { oneConversation } from "./conversation.ts";
import type { MemoryLimits } from "./limits.ts";
import type { Turns } from "./turns.ts";

/** So many conversations are looked at at once. */
const PAGE = 1000;

/** The conversations of one agent: what there is of each is `memory/talks/<id>`, as JSON. */
export function conversations(
  tools: MemoryTools,
  parts: { readonly limits: MemoryLimits; readonly turns: Turns },
): Conversations {
  const { files } = tools;
  const list: Conversations["list"] = async ({ after, limit = 100 } = {}) => {
    const rows = await files.list({
      prefix: paths.talks,
      after: after === undefined ? undefined : paths.talk(after),
      limit: Math.min(Math.max(limit, 1), PAGE),
    });
    return rows.map(({ value }) => JSON.parse(value) as ConversationFacts);
  };
  const count = async (): Promise<number> => Number((await files.read(paths.talkCount)) ?? 0);
  const counted = (talks: number): void => files.write(paths.talkCount, String(talks));
  const drop = (id: string): void => {
    files.remove(paths.conversation(id));
    files.remove(paths.talk(id));
  };
  /** Has room for one more: the longest unused conversations go. */
  const makeRoom = async (): Promise<void> => {
    const talks = await count();
    const excess = talks + 1 - parts.limits.conversations;
    if (excess > 0) {
      for (const id of await longestUnused(excess)) drop(id);
    }
    counted(talks + 1 - Math.max(excess, 0));
  };
  const longestUnused = async (number: number): Promise<readonly string[]> => {
    let oldest: readonly ConversationFacts[] = [];
    for (let after: string | undefined; ;) {
      const page = await list({ after, limit: PAGE });
      oldest = [...oldest, ...page].sort((a, b) => a.updatedAt - b.updatedAt).slice(0, number);
      if (page.length < PAGE) return oldest.map(({ id }) => id);
      after = page.at(-1)!.id;
    }
  };
  const remove = (id: string): Promise<void> =>
    parts.turns(async () => {
      if ((await files.read(paths.talk(id))) === undefined) return;
      counted((await count()) - 1);
      drop(id);
    });

  return {
    list,
    get(id): Conversation {
      checkId(id);
      return oneConversation(id, { ...tools, ...parts, makeRoom, remove: () => remove(id) });
    },
  };
}

/** @throws INVALID for what is no id of a conversation */
function checkId(id: unknown): void {
  const good =
    typeof id === "string" &&
    id !== "" &&
    id.length <= 200 &&
    id.isWellFormed() &&
    id !== "." &&
    id !== ".." &&
    !/[/\p{Cc}]/u.test(id);
  if (good) return;
  throw new OpenAgentsError(
    "INVALID",
    `Cannot name a conversation ${JSON.stringify(id)}: use 1 to 200 characters, none of them "/" or a control character`,
  );
}
