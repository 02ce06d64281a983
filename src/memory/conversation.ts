import { byteLength } from "../core/byte-length.ts";
import { OpenAgentsError } from "../core/errors.ts";
import { checkJson } from "../core/json.ts";
import type { Json } from "../core/json.ts";
import { ROLES } from "../core/ports/memory.ts";
import type {
  Conversation,
  ConversationFacts,
  MemoryTools,
  Message,
  NewMessage,
  Summary,
} from "../core/ports/memory.ts";
import { paths } from "../core/tree.ts";
import type { MemoryLimits } from "./limits.ts";
import type { Turns } from "./turns.ts";

/** What a conversation is made of. */
export interface ConversationParts extends MemoryTools {
  readonly limits: MemoryLimits;
  readonly turns: Turns;
  /** Called before a conversation begins. */
  readonly makeRoom: () => Promise<void>;
  readonly remove: () => Promise<void>;
}

/** Numbers of messages have nine digits and a zero before them. */
const HIGHEST = 999_999_999;
/** A message takes a model so many tokens beside what it says. */
const AROUND = 4;
/** About so many bytes of messages are read at once. */
const PAGE_BYTES = 4 * 1024 * 1024;
const PAGE = 512;

/** One conversation, a file for each message: `memory/conversations/<id>/<n>`, as JSON. */
export function oneConversation(id: string, parts: ConversationParts): Conversation {
  const { files, now, limits, turns } = parts;
  const facts = async (): Promise<ConversationFacts | undefined> => {
    const text = await files.read(paths.talk(id));
    return text === undefined ? undefined : (JSON.parse(text) as ConversationFacts);
  };
  const keep = (talk: ConversationFacts): void => files.write(paths.talk(id), JSON.stringify(talk));
  const prefix = `${paths.conversation(id)}0`;
  /** Messages with numbers above `after`, as they are stored. */
  const rows = async (after: number, limit: number): Promise<readonly Stored[]> => {
    if (limit <= 0) return [];
    const found = await files.list({ prefix, after: paths.message(id, after), limit });
    return found.map(({ path, value }) => ({
      message: messageOf(path, value),
      bytes: byteLength(value),
    }));
  };
  const summary: Conversation["summary"] = async () => {
    const text = await files.read(paths.summary(id));
    return text === undefined ? undefined : (JSON.parse(text) as Summary);
  };
  /** The oldest messages go until what is there is no more than it may be. */
  const evicted = async (talk: ConversationFacts): Promise<ConversationFacts> => {
    let left = talk;
    const isOver = (): boolean =>
      left.first < left.last &&
      (left.last - left.first + 1 > limits.messages || left.bytes > limits.conversationBytes);
    while (isOver()) {
      for (const oldest of await rows(left.first - 1, 4)) {
        if (!isOver()) break;
        left = without(left, oldest);
        files.remove(paths.message(id, oldest.message.n));
      }
    }
    return left;
  };

  return {
    id,
    facts,
    append: (given) =>
      turns(async () => {
        const at = now();
        const said = checked(given, at);
        const text = JSON.stringify(said);
        const before = await facts();
        if (before === undefined) await parts.makeRoom();
        const talk = before ?? { first: 1, last: 0, tokens: 0, bytes: 0, createdAt: at };
        const n = talk.last + 1;
        if (n > HIGHEST) throw invalid(`conversation ${JSON.stringify(id)} has no more numbers`);
        files.write(paths.message(id, n), text);
        keep(
          await evicted({
            ...talk,
            id,
            last: n,
            tokens: talk.tokens + said.tokens,
            bytes: talk.bytes + byteLength(text),
            updatedAt: at,
          }),
        );
        return { n, ...said };
      }),
    replace: (n, given) =>
      turns(async () => {
        const at = now();
        const said = checked(given, at);
        const text = JSON.stringify(said);
        const talk = await facts();
        const [old] = talk === undefined || n > talk.last ? [] : await rows(n - 1, 1);
        if (talk === undefined || old?.message.n !== n) {
          throw new OpenAgentsError(
            "NOT_FOUND",
            `There is no message ${n} in ${JSON.stringify(id)}`,
          );
        }
        files.write(paths.message(id, n), text);
        keep({
          ...talk,
          tokens: talk.tokens + said.tokens - old.message.tokens,
          bytes: talk.bytes + byteLength(text) - old.bytes,
          updatedAt: at,
        });
        return { n, ...said };
      }),
    async messages({ after = 0, limit = 100 } = {}) {
      const page = await rows(clamp(after, 0, HIGHEST), clamp(limit, 1, 1000));
      return page.map(({ message }) => message);
    },
    async last(count) {
      const talk = await facts();
      if (talk === undefined) return [];
      const many = clamp(count, 1, 1000);
      const page = await rows(Math.max(talk.last - many, 0), many);
      return page.map(({ message }) => message);
    },
    async context({ tokens }) {
      const budget = tokens > 0 ? tokens : 0;
      const talk = await facts();
      if (talk === undefined) return { messages: [], tokens: 0, omitted: 0 };
      const known = await summary();
      const shown = known && cutTo(known, Math.floor(budget / 2));
      const start = Math.max(known?.upTo ?? 0, talk.first - 1);
      const room = budget - (shown?.tokens ?? 0);
      const count = Math.max(talk.last - talk.first + 1, 1);
      // As many as will fit if they are as long as most, and some more.
      const guess = Math.ceil((room * count) / Math.max(talk.tokens, 1)) + 8;
      const most = Math.ceil((PAGE_BYTES * count) / Math.max(talk.bytes, 1));
      const size = clamp(guess, 1, clamp(most, 4, PAGE));
      const newest: Message[] = [];
      let spent = 0;
      for (let top = talk.last, full = false; top > start && !full; top -= size) {
        const from = Math.max(top - size, start);
        for (const { message } of (await rows(from, top - from)).toReversed()) {
          full = spent + message.tokens > room;
          if (full) break;
          spent += message.tokens;
          newest.push(message);
        }
      }
      const messages = withCalls(newest.toReversed());
      const used = messages.reduce((sum, { tokens }) => sum + tokens, 0);
      return {
        ...(shown !== undefined && { summary: shown }),
        messages,
        tokens: used + (shown?.tokens ?? 0),
        omitted: Math.max((messages[0]?.n ?? talk.last + 1) - 1 - start, 0),
      };
    },
    summary,
    summarise: ({ upTo, text, tokens }) =>
      turns(async () => {
        const talk = await facts();
        if (!Number.isInteger(upTo) || upTo < 1 || upTo > (talk?.last ?? 0)) {
          throw invalid(`"upTo" must be the number of a message that was there, not ${upTo}`);
        }
        if (typeof text !== "string" || text === "" || !text.isWellFormed()) {
          throw invalid('"text" must be text');
        }
        const made: Summary = { upTo, text, tokens: tokensOf(text, tokens), at: now() };
        files.write(paths.summary(id), JSON.stringify(made));
        return made;
      }),
    forget: (upTo) =>
      turns(async () => {
        let talk = await facts();
        if (talk === undefined) return;
        for (const end = Math.min(upTo, talk.last); talk.first <= end;) {
          for (const oldest of await rows(talk.first - 1, Math.min(end - talk.first + 1, PAGE))) {
            talk = without(talk, oldest);
            files.remove(paths.message(id, oldest.message.n));
          }
        }
        keep(talk);
      }),
    remove: parts.remove,
  };
}

interface Stored {
  readonly message: Message;
  /** Of its file. */
  readonly bytes: number;
}

/** What there is without its oldest message. */
function without(talk: ConversationFacts, { message, bytes }: Stored): ConversationFacts {
  return {
    ...talk,
    first: message.n + 1,
    tokens: talk.tokens - message.tokens,
    bytes: talk.bytes - bytes,
  };
}

function messageOf(path: string, value: string): Message {
  return { n: Number(path.slice(path.lastIndexOf("/") + 1)), ...(JSON.parse(value) as NoNumber) };
}

type NoNumber = Omit<Message, "n">;

/**
 * Messages without those at the beginning that would be cut off from what they belong to: no result of a
 * tool is left without its call.
 */
function withCalls(messages: readonly Message[]): readonly Message[] {
  const calls = new Set<unknown>();
  let start = 0;
  messages.forEach(({ role, content }, i) => {
    if (!Array.isArray(content)) return;
    for (const part of content) {
      const { type, toolCallId } = Object(part) as Record<string, unknown>;
      if (type === "tool-call") calls.add(toolCallId);
      else if (role === "tool" && type === "tool-result" && !calls.has(toolCallId)) {
        start = i + 1;
        calls.clear();
      }
    }
  });
  return messages.slice(start);
}

/** A message as it is kept. @throws INVALID */
function checked({ role, content, tokens, at }: NewMessage, now: number): NoNumber {
  if (!ROLES.includes(role)) throw invalid(`"role" must be one of ${ROLES.join(", ")}`);
  checkJson(content, "content of the message");
  if (at !== undefined && !(Number.isSafeInteger(at) && at >= 0)) {
    throw invalid('"at" must be milliseconds since 1970');
  }
  const text = typeof content === "string" ? content : JSON.stringify(content);
  return { role, content: copyOf(content), tokens: tokensOf(text, tokens), at: at ?? now };
}

/** What its caller does with it from now on is not what was said. */
function copyOf(content: Json): Json {
  return typeof content === "object" ? structuredClone(content) : content;
}

/** The tokens that somebody counted, or an estimate. @throws INVALID for no count */
function tokensOf(text: string, counted: number | undefined): number {
  if (counted === undefined) return Math.ceil(byteLength(text) / 4) + AROUND;
  if (Number.isSafeInteger(counted) && counted >= 0) return counted;
  throw invalid(`"tokens" must be a whole number from 0 on, not ${counted}`);
}

/** A summary of no more tokens, its end left out where need be; undefined where nothing is left. */
function cutTo(summary: Summary, most: number): Summary | undefined {
  if (summary.tokens <= most) return summary;
  const length = Math.floor((summary.text.length * most) / summary.tokens);
  const text = summary.text.slice(0, length).replace(/[\ud800-\udbff]$/, "");
  return text === "" ? undefined : { ...summary, text, tokens: most };
}

/** Within bounds; what is no number is the lowest. */
function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(Math.trunc(value) || low, low), high);
}

function invalid(problem: string): OpenAgentsError {
  return new OpenAgentsError("INVALID", `Cannot keep message: ${problem}`);
}
