import type { Piece, Played, ScriptedMessage } from "./script.ts";
import { modelIn, objectsOf, stringOf, textIn } from "./scripted-api.ts";
import type { Body, ScriptedApi, ScriptedWriter } from "./scripted-api.ts";

const STOP: Readonly<Record<Played["finish"], string | null>> = {
  stop: "end_turn",
  length: "max_tokens",
  "content-filter": "refusal",
  "tool-calls": "tool_use",
  error: null,
  other: null,
};

/** What errors are called, by their status. */
const ERRORS: Readonly<Record<number, string>> = {
  400: "invalid_request_error",
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  529: "overloaded_error",
};

/** What Anthropic signs its reasoning with, as far as this server does. */
const SIGNATURE = "scripted";

/** The Messages API of Anthropic. */
export const messagesApi: ScriptedApi = {
  path: "/messages",
  malformed: 'event: content_block_delta\ndata: {"type":"content_bl\n\n',
  ask(body, n) {
    const { system } = body;
    const told = textIn(system);
    const messages: readonly ScriptedMessage[] = [
      ...(told === "" ? [] : [{ role: "system" as const, text: told, toolCalls: [] }]),
      ...objectsOf(body["messages"]).flatMap(messagesOf),
    ];
    const tools = objectsOf(body["tools"]).map(({ name }) => stringOf(name));
    return { n, messages, last: messages.at(-1)?.text ?? "", tools };
  },
  writer: (played, body, n) => new Writer(played, body, n),
  whole: (played, body, n) => ({
    ...headOf(body, n),
    content: blocksOf(played),
    stop_reason: STOP[played.finish],
    stop_sequence: null,
    usage: usageOf(played),
  }),
  refusal: (status, message) => ({
    type: "error",
    error: { type: ERRORS[status] ?? "api_error", message },
  }),
};

class Writer implements ScriptedWriter {
  readonly #played: Played;
  readonly #body: Body;
  readonly #n: number;
  #open: string | undefined;
  #index = -1;

  constructor(played: Played, body: Body, n: number) {
    this.#played = played;
    this.#body = body;
    this.#n = n;
  }

  begin(): string {
    const usage = { ...usageOf(this.#played), output_tokens: 0 };
    const message = { ...headOf(this.#body, this.#n), content: [], stop_reason: null, usage };
    return event("message_start", { message });
  }

  piece(piece: Piece): string {
    if (piece.kind === "call") {
      const { id, name } = piece;
      return this.#start(`call ${piece.index}`, { type: "tool_use", id, name, input: {} });
    }
    if (piece.kind === "input") {
      return this.#delta({ type: "input_json_delta", partial_json: piece.text });
    }
    const isText = piece.kind === "text";
    let text = "";
    if (this.#open !== piece.kind) {
      const block = isText ? { type: "text", text: "" } : { type: "thinking", thinking: "" };
      text += this.#start(piece.kind, block);
    }
    const delta = isText
      ? { type: "text_delta", text: piece.text }
      : { type: "thinking_delta", thinking: piece.text };
    return text + this.#delta(delta);
  }

  end(): string {
    const closed = this.#close();
    if (this.#played.finish === "error") {
      const error = { type: "api_error", message: "The script fails" };
      return closed + event("error", { error });
    }
    const delta = { stop_reason: STOP[this.#played.finish], stop_sequence: null };
    const usage = usageOf(this.#played);
    return closed + event("message_delta", { delta, usage }) + event("message_stop", {});
  }

  #start(key: string, block: object): string {
    const closed = this.#close();
    this.#open = key;
    this.#index += 1;
    return closed + event("content_block_start", { index: this.#index, content_block: block });
  }

  #close(): string {
    if (this.#open === undefined) return "";
    const signature = { type: "signature_delta", signature: SIGNATURE };
    const signed = this.#open === "reasoning" ? this.#delta(signature) : "";
    this.#open = undefined;
    return signed + event("content_block_stop", { index: this.#index });
  }

  #delta(delta: object): string {
    return event("content_block_delta", { index: this.#index, delta });
  }
}

function event(type: string, data: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;
}

function headOf(body: Body, n: number): object {
  return { id: `msg_${n}`, type: "message", role: "assistant", model: modelIn(body) };
}

function blocksOf({ reply, calls }: Played): readonly object[] {
  const { reasoning, text } = reply;
  const blocks: object[] = [];
  if (reasoning !== undefined)
    blocks.push({ type: "thinking", thinking: reasoning, signature: SIGNATURE });
  if (text !== undefined && text !== "") blocks.push({ type: "text", text });
  for (const { id, name, input } of calls) {
    blocks.push({ type: "tool_use", id, name, input: parsed(input) });
  }
  return blocks;
}

/** What is no JSON stands as it is. */
function parsed(input: string): unknown {
  try {
    return JSON.parse(input);
  } catch {
    return input;
  }
}

/** This API has no word for usage that is not known: it is 0. */
function usageOf({ usage }: Played): object {
  const { input = 0, output = 0, cacheRead = 0, cacheWrite = 0, reasoning = 0 } = usage ?? {};
  return {
    input_tokens: Math.max(0, input - cacheRead - cacheWrite),
    cache_read_input_tokens: cacheRead,
    cache_creation_input_tokens: cacheWrite,
    output_tokens: output,
    output_tokens_details: { thinking_tokens: reasoning },
  };
}

/** Results of tools are the user's here, and messages of their own for a script. */
function messagesOf({
  role,
  content,
}: Readonly<Record<string, unknown>>): readonly ScriptedMessage[] {
  const blocks = objectsOf(content);
  const results = blocks
    .filter(({ type }) => type === "tool_result")
    .map((block) => ({ role: "tool" as const, text: textIn(block["content"]), toolCalls: [] }));
  const toolCalls = blocks
    .filter(({ type }) => type === "tool_use")
    .map(({ id, name }) => ({ id: stringOf(id), name: stringOf(name) }));
  const text = textIn(content);
  if (results.length > 0 && text === "" && toolCalls.length === 0) return results;
  return [...results, { role: role as ScriptedMessage["role"], text, toolCalls }];
}
