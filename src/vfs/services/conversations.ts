import { paths } from "../../core/tree.ts";
import type { AgentFace } from "../../core/ports/index.ts";
import { ROLES } from "../../core/ports/memory.ts";
import type {
  Conversation,
  ConversationFacts,
  Message,
  NewMessage,
  Summary,
} from "../../core/ports/memory.ts";
import { failed } from "../failed.ts";
import type { DirectoryNode, FileNode, NodeEntry } from "../nodes.ts";
import { textOf } from "../nodes.ts";
import { JSON_TYPE, parsedObject, pretty, refused, sizeOf, spoken } from "./content.ts";
import { tickOf } from "./in-tick.ts";
import { countIn, numberAfter, pageOf } from "./pages.ts";

const WHERE = "/memory/conversations";
const SUMMARY = "summary";

/**
 * `memory/conversations`: a directory for each, and in it a file for each message, by its number, and the
 * `summary`. A new file of any name is a message after the last: JSON with a `role` and a `content`, or text
 * that a user says.
 */
export function conversations(face: AgentFace): DirectoryNode {
  const { conversations: talks } = face.memory;
  const directory = (id: string): DirectoryNode => oneConversation(face, talks.get(id));
  return {
    list: (query) =>
      pageOf(query, (cursor) => eachConversation(face, cursor), {
        entry: ({ id, updatedAt }) => ({
          name: id,
          node: directory(id),
          facts: { modifiedAt: updatedAt },
        }),
        mark: ({ id }) => id,
      }),
    at: async (name) =>
      isId(name) && (await talks.get(name).facts()) !== undefined ? directory(name) : undefined,
    async createBelow(path, data) {
      const [id = "", name = "", ...rest] = path.split("/");
      if (rest.length > 0) throw refused(`${WHERE}/${path}`, "there are no directories in it");
      await directory(id).create!(name, data, {});
    },
    facts: () => ({ limit: face.limits.valueBytes }),
  };
}

/** A directory may have a longer name than a conversation has. */
function isId(name: string): boolean {
  return name.length <= 200 && !/[/\p{Cc}]/u.test(name);
}

function oneConversation(face: AgentFace, talk: Conversation): DirectoryNode {
  const where = `${WHERE}/${talk.id}`;
  const limit = face.limits.valueBytes;
  const messageNode = (message: Message): FileNode => ({
    read: () => pretty(message),
    async write(data) {
      const said = messageIn(data, `${where}/${message.n}`);
      tickOf(face, where);
      await talk.replace(message.n, said);
    },
    async remove() {
      tickOf(face, where);
      // What is left has numbers that follow each other.
      if ((await talk.facts())?.first !== message.n) {
        throw failed("EACCES", "remove", `${where}/${message.n}`, "older messages go first");
      }
      await talk.forget(message.n);
    },
    facts: () => ({ type: JSON_TYPE, modifiedAt: message.at, limit }),
  });
  const summarise = async (data: Uint8Array): Promise<void> => {
    const what = `${where}/${SUMMARY}`;
    const summary = await summaryIn(data, what, talk);
    tickOf(face, where);
    await talk.summarise(summary);
  };
  const summaryNode = (summary: Summary): FileNode => ({
    read: () => pretty(summary),
    write: summarise,
    async remove() {
      tickOf(face, where);
      face.tree.remove(paths.summary(talk.id));
    },
    facts: () => ({ type: JSON_TYPE, modifiedAt: summary.at, limit }),
  });
  const entry = (row: Message | Summary): NodeEntry =>
    "n" in row
      ? {
          name: String(row.n),
          node: messageNode(row),
          facts: { ...sizeOf(pretty(row), row.at), limit },
        }
      : { name: SUMMARY, node: summaryNode(row), facts: { ...sizeOf(pretty(row), row.at), limit } };
  const append = async (data: Uint8Array, name: string): Promise<string> => {
    const said = messageIn(data, `${where}/${name}`);
    tickOf(face, where);
    return String((await talk.append(said)).n);
  };
  return {
    list: (query) =>
      pageOf(query, (cursor) => eachFile(talk, cursor), {
        entry,
        mark: (row) => ("n" in row ? String(row.n) : SUMMARY),
      }),
    async at(name) {
      if (name === SUMMARY) {
        const summary = await talk.summary();
        return summary && summaryNode(summary);
      }
      const n = countIn(name);
      const [message] = n === undefined ? [] : await talk.messages({ after: n - 1, limit: 1 });
      return message?.n === n && message !== undefined ? messageNode(message) : undefined;
    },
    async create(name, data) {
      if (name === SUMMARY) {
        await summarise(data);
        return SUMMARY;
      }
      const n = countIn(name);
      const next = ((await talk.facts())?.last ?? 0) + 1;
      if (n !== undefined && n !== next) {
        throw refused(`${where}/${name}`, `the next message is ${next}`);
      }
      return append(data, name);
    },
    post: (data) => append(data, ""),
    async remove() {
      tickOf(face, where);
      await talk.remove();
    },
    facts: async () => ({ limit, modifiedAt: (await talk.facts())?.updatedAt ?? face.now() }),
  };
}

async function* eachConversation(
  { memory }: AgentFace,
  cursor: string | undefined,
): AsyncGenerator<ConversationFacts, void, undefined> {
  const limit = 100;
  for (let after = cursor; ;) {
    const page = await memory.conversations.list({ limit, after });
    yield* page;
    if (page.length < limit) return;
    after = page.at(-1)!.id;
  }
}

/** The messages of a conversation, and then its summary. */
async function* eachFile(
  talk: Conversation,
  cursor: string | undefined,
): AsyncGenerator<Message | Summary, void, undefined> {
  if (cursor === SUMMARY) return;
  const limit = 100;
  for (let after = numberAfter(cursor); ;) {
    const page = await talk.messages({ after, limit });
    yield* page;
    if (page.length < limit) break;
    after = page.at(-1)!.n;
  }
  const summary = await talk.summary();
  if (summary !== undefined) yield summary;
}

/** The message that is written. Its members are checked by who keeps it. */
function messageIn(data: Uint8Array, what: string): NewMessage {
  if (!textOf(data, what).trimStart().startsWith("{")) {
    const content = spoken(data, what);
    if (content === "") throw refused(what, "it must say something");
    return { role: "user", content };
  }
  const given = parsedObject(data, what, ["role", "content", "tokens", "at", "n"]);
  const { n: _n, ...message } = given;
  if (message["content"] === undefined || message["role"] === undefined) {
    throw refused(what, `it must have a "role" (${ROLES.join(", ")}) and a "content"`);
  }
  return message as unknown as NewMessage;
}

/** The summary that is written: JSON, or text that stands for all messages there are. */
async function summaryIn(
  data: Uint8Array,
  what: string,
  talk: Conversation,
): Promise<Parameters<Conversation["summarise"]>[0]> {
  if (!textOf(data, what).trimStart().startsWith("{")) {
    return { upTo: (await talk.facts())?.last ?? 0, text: spoken(data, what) };
  }
  const { at: _at, ...given } = parsedObject(data, what, ["upTo", "text", "tokens", "at"]);
  return given as unknown as Parameters<Conversation["summarise"]>[0];
}
