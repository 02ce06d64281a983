import type { Json } from "../core/json.ts";
import type { Usage } from "./usage.ts";

/** What a scripted model says when it is asked: a text alone, or more. */
export interface ScriptedReply {
  readonly text?: string;
  /** Said before the text. */
  readonly reasoning?: string;
  readonly toolCalls?: readonly ScriptedToolCall[];
  /** Default: a token for each 4 characters of the prompt and of the reply. `null`: it says nothing of it. */
  readonly usage?: Partial<Usage> | null;
  /** Default: `"tool-calls"` where there are any, else `"stop"`. */
  readonly finish?: "stop" | "length" | "content-filter" | "tool-calls" | "error" | "other";
  /** Characters of one piece of the stream. Default 16. */
  readonly chunk?: number;
  /** Ms before it begins, and between two pieces. Default 0. */
  readonly delay?: number;
  readonly pause?: number;
  /** It refuses, and says nothing. */
  readonly error?: ScriptedError;
  /** How it goes wrong once so many pieces are out. */
  readonly fault?: ScriptedFault;
}

export interface ScriptedToolCall {
  readonly name: string;
  /** JSON, or the very text that stands for it, which may be none. Default `{}`. */
  readonly input?: Json;
  /** Default: `call-N-M`, by call and place. */
  readonly id?: string;
}

export interface ScriptedError {
  /** Of HTTP: 429, 500 … */
  readonly status: number;
  readonly message?: string;
  /** Seconds, or a date of HTTP: it stands in `Retry-After` as it is. */
  readonly retryAfter?: number | string;
}

/**
 * `disconnect` breaks the connection, `end` ends the stream as if it were whole, `stall` says nothing more and
 * `endless` says the text again and again; `malformed` sends what is no JSON, by a server, and by a model an error.
 */
export interface ScriptedFault {
  readonly kind: "disconnect" | "end" | "stall" | "endless" | "malformed";
  /** Pieces that come before it. Default 1. */
  readonly after?: number;
}

/** What a scripted model was asked. */
export interface ScriptedAsk {
  /** 0 for the first call, also of those that failed. */
  readonly n: number;
  readonly messages: readonly ScriptedMessage[];
  /** The text of the last message. */
  readonly last: string;
  /** Names of the tools that it was given. */
  readonly tools: readonly string[];
}

export interface ScriptedMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  /** All its text; of tool results, their output. */
  readonly text: string;
  readonly toolCalls: readonly { readonly id: string; readonly name: string }[];
}

/** Replies in order, or what makes one of each ask. */
export type Script =
  | readonly (string | ScriptedReply)[]
  | ((ask: ScriptedAsk) => string | ScriptedReply | Promise<string | ScriptedReply>);

/** One piece of a reply as it is streamed. */
export type Piece =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "reasoning"; readonly text: string }
  | { readonly kind: "call"; readonly index: number; readonly id: string; readonly name: string }
  | { readonly kind: "input"; readonly index: number; readonly text: string };

/** A reply with its defaults filled in. */
export interface Played {
  readonly reply: ScriptedReply;
  /** Without end where the fault is `endless`. */
  readonly pieces: () => Iterable<Piece>;
  readonly calls: readonly { readonly id: string; readonly name: string; readonly input: string }[];
  /** Undefined where it says nothing of it. */
  readonly usage: Usage | undefined;
  readonly finish: NonNullable<ScriptedReply["finish"]>;
  /** How many pieces there are before the fault; undefined where there is none. */
  readonly faultAfter: number | undefined;
}

/** What the script says to the n-th ask. @throws Error when a list has no more replies */
export async function play(script: Script, ask: ScriptedAsk): Promise<Played> {
  const given = typeof script === "function" ? await script(ask) : script[ask.n];
  if (given === undefined) {
    throw new Error(`Cannot answer call ${ask.n + 1}: the script has ${script.length} replies`);
  }
  const reply = typeof given === "string" ? { text: given } : given;
  const calls = (reply.toolCalls ?? []).map(({ name, input = {}, id }, i) => ({
    id: id ?? `call-${ask.n}-${i}`,
    name,
    input: typeof input === "string" ? input : JSON.stringify(input),
  }));
  const { text = "", reasoning = "", chunk = 16, fault } = reply;
  const prompt = ask.messages.reduce((sum, message) => sum + message.text.length, 0);
  const made = calls.reduce((sum, { input }) => sum + input.length, text.length + reasoning.length);
  const usage: Usage = {
    input: Math.ceil(prompt / 4),
    output: Math.ceil(made / 4),
    cacheRead: 0,
    cacheWrite: 0,
    reasoning: Math.ceil(reasoning.length / 4),
    ...reply.usage,
  };
  function* once(): Iterable<Piece> {
    for (const part of partsOf(reasoning, chunk)) yield { kind: "reasoning", text: part };
    for (const part of partsOf(text, chunk)) yield { kind: "text", text: part };
    for (const [index, { id, name, input }] of calls.entries()) {
      yield { kind: "call", index, id, name };
      for (const part of partsOf(input, chunk)) yield { kind: "input", index, text: part };
    }
  }
  function* forever(): Iterable<Piece> {
    for (;;) {
      for (const part of partsOf(text === "" ? "and so on " : text, chunk)) {
        yield { kind: "text", text: part };
      }
    }
  }
  return {
    reply,
    pieces: fault?.kind === "endless" ? forever : once,
    calls,
    usage: reply.usage === null ? undefined : usage,
    finish: reply.finish ?? (calls.length > 0 ? "tool-calls" : "stop"),
    faultAfter: fault === undefined || fault.kind === "endless" ? undefined : (fault.after ?? 1),
  };
}

/** Resolves after `ms`, or at once when the signal aborts. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (ms <= 0 || signal?.aborted === true) return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(end, ms);
    function end(): void {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    }
    signal?.addEventListener("abort", end);
  });
}

/** Cut by code points: a piece ends in no half of a character. */
function* partsOf(text: string, chunk: number): Iterable<string> {
  let part = "";
  let length = 0;
  for (const character of text) {
    part += character;
    length += 1;
    if (length < chunk) continue;
    yield part;
    [part, length] = ["", 0];
  }
  if (part !== "") yield part;
}
