import type { Piece, Played, ScriptedMessage } from "./script.ts";
import { modelIn, objectsOf, stringOf, textIn } from "./scripted-api.ts";
import type { Body, ScriptedApi, ScriptedWriter } from "./scripted-api.ts";
import { chatApi } from "./scripted-chat.ts";

/** Why an answer is not whole, as the API calls it; absent where it is. */
const INCOMPLETE: Readonly<Partial<Record<Played["finish"], string>>> = {
  length: "max_output_tokens",
  "content-filter": "content_filter",
  other: "other",
};

/** The Responses API of OpenAI. */
export const responsesApi: ScriptedApi = {
  path: "/responses",
  malformed: 'data: {"type":"response.output_te\n\n',
  ask(body, n) {
    const messages = [...instructionsOf(body), ...messagesOf(body["input"])];
    const tools = objectsOf(body["tools"]).map(({ name }) => stringOf(name));
    return { n, messages, last: messages.at(-1)?.text ?? "", tools };
  },
  writer: (played, body, n) => new Writer(played, body, n),
  whole: (played, body, n) => responseOf(played, body, { n, output: itemsOf(played, n) }),
  refusal: chatApi.refusal,
};

/** An item of the answer, as it is once it is whole. */
type Item = Readonly<Record<string, unknown>> & { readonly id: string; readonly type: string };

class Writer implements ScriptedWriter {
  readonly #played: Played;
  readonly #body: Body;
  readonly #n: number;
  readonly #done: Item[] = [];
  #open: { readonly key: string; readonly begun: Item } | undefined;
  #text = "";
  #events = 0;

  constructor(played: Played, body: Body, n: number) {
    this.#played = played;
    this.#body = body;
    this.#n = n;
  }

  begin(): string {
    const response = responseOf(this.#played, this.#body, { n: this.#n });
    return this.#event("response.created", { response });
  }

  piece(piece: Piece): string {
    if (piece.kind === "call") {
      const { id, name, index } = piece;
      const item = { type: "function_call", id: `fc_${this.#n}_${index}`, call_id: id, name };
      return this.#start(`call ${index}`, { ...item, arguments: "", status: "in_progress" });
    }
    let text = "";
    if (piece.kind === "text" && this.#open?.key !== "text") {
      text += this.#start("text", messageItem(this.#n, ""));
    }
    if (piece.kind === "reasoning" && this.#open?.key !== "reasoning") {
      text += this.#start("reasoning", reasoningItem(this.#n, ""));
      text += this.#event("response.reasoning_summary_part.added", { ...this.#at(), ...PART });
    }
    this.#text += piece.text;
    return text + this.#event(DELTAS[piece.kind], { ...this.#at(), delta: piece.text });
  }

  end(): string {
    const closed = this.#close();
    const { finish } = this.#played;
    const response = responseOf(this.#played, this.#body, { n: this.#n, output: this.#done });
    const type = finish === "error" ? "failed" : finish in INCOMPLETE ? "incomplete" : "completed";
    return closed + this.#event(`response.${type}`, { response });
  }

  #start(key: string, begun: Item): string {
    const closed = this.#close();
    this.#open = { key, begun };
    const at = { output_index: this.#done.length };
    return closed + this.#event("response.output_item.added", { ...at, item: begun });
  }

  #close(): string {
    if (this.#open === undefined) return "";
    const { begun } = this.#open;
    const at = this.#at();
    let text = "";
    let item = begun;
    if (begun.type === "message") item = messageItem(this.#n, this.#text);
    if (begun.type === "reasoning") {
      text += this.#event("response.reasoning_summary_part.done", { ...at, ...PART });
      item = reasoningItem(this.#n, this.#text);
    }
    if (begun.type === "function_call") {
      const whole = { arguments: this.#text };
      text += this.#event("response.function_call_arguments.done", { ...at, ...whole });
      item = { ...begun, ...whole, status: "completed" };
    }
    this.#done.push(item);
    this.#open = undefined;
    this.#text = "";
    const { output_index } = at;
    return text + this.#event("response.output_item.done", { output_index, item });
  }

  #at(): { readonly item_id: string; readonly output_index: number; readonly summary_index: 0 } {
    return {
      item_id: this.#open!.begun.id,
      output_index: this.#done.length,
      summary_index: 0,
    };
  }

  #event(type: string, data: object): string {
    const event = { type, sequence_number: this.#events, ...data };
    this.#events += 1;
    return `event: ${type}\ndata: ${JSON.stringify(event)}\n\n`;
  }
}

const PART = { part: { type: "summary_text", text: "" } };

const DELTAS = {
  text: "response.output_text.delta",
  reasoning: "response.reasoning_summary_text.delta",
  input: "response.function_call_arguments.delta",
} as const;

function responseOf(
  played: Played,
  body: Body,
  { n, output }: { readonly n: number; readonly output?: readonly Item[] },
): object {
  const { finish } = played;
  const head = { id: `resp_${n}`, object: "response", created_at: 0, model: modelIn(body) };
  if (output === undefined) return { ...head, status: "in_progress", output: [] };
  const reason = INCOMPLETE[finish];
  return {
    ...head,
    status: finish === "error" ? "failed" : reason === undefined ? "completed" : "incomplete",
    output,
    ...(finish === "error" && { error: { code: "server_error", message: "The script fails" } }),
    ...(reason !== undefined && { incomplete_details: { reason } }),
    usage: usageOf(played),
  };
}

function itemsOf({ reply, calls }: Played, n: number): readonly Item[] {
  const items: Item[] = [];
  if (reply.reasoning !== undefined) items.push(reasoningItem(n, reply.reasoning));
  if (reply.text !== undefined) items.push(messageItem(n, reply.text));
  for (const [i, { id, name, input }] of calls.entries()) {
    const item = { type: "function_call", id: `fc_${n}_${i}`, call_id: id, name };
    items.push({ ...item, arguments: input, status: "completed" });
  }
  return items;
}

function messageItem(n: number, text: string): Item {
  const content = text === "" ? [] : [{ type: "output_text", text, annotations: [] }];
  return { type: "message", id: `msg_${n}`, role: "assistant", status: "completed", content };
}

function reasoningItem(n: number, text: string): Item {
  const summary = text === "" ? [] : [{ type: "summary_text", text }];
  return { type: "reasoning", id: `rs_${n}`, encrypted_content: null, summary };
}

function usageOf({ usage }: Played): object | null {
  if (usage === undefined) return null;
  const { input, output, cacheRead, reasoning } = usage;
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: cacheRead },
    output_tokens: output,
    output_tokens_details: { reasoning_tokens: reasoning },
    total_tokens: input + output,
  };
}

function instructionsOf({ instructions }: Body): readonly ScriptedMessage[] {
  if (typeof instructions !== "string") return [];
  return [{ role: "system", text: instructions, toolCalls: [] }];
}

/** Items as messages: calls belong to what the assistant said before them. */
function messagesOf(input: unknown): readonly ScriptedMessage[] {
  if (typeof input === "string") return [{ role: "user", text: input, toolCalls: [] }];
  const messages: ScriptedMessage[] = [];
  for (const item of objectsOf(input)) {
    const { type, role, content, output } = item;
    if (type === "function_call") {
      const call = { id: stringOf(item["call_id"]), name: stringOf(item["name"]) };
      const last = messages.at(-1);
      const said = last?.role === "assistant" ? messages.pop()! : undefined;
      messages.push({
        role: "assistant",
        text: said?.text ?? "",
        toolCalls: [...(said?.toolCalls ?? []), call],
      });
    } else if (type === "function_call_output") {
      messages.push({ role: "tool", text: textIn(output), toolCalls: [] });
    } else if (typeof role === "string") {
      const known = (role === "developer" ? "system" : role) as ScriptedMessage["role"];
      messages.push({ role: known, text: textIn(content), toolCalls: [] });
    }
  }
  return messages;
}
