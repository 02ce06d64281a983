import type { Piece, Played, ScriptedMessage } from "./script.ts";
import { isObject, modelIn, objectsOf, stringOf, textIn } from "./scripted-api.ts";
import type { Body, ScriptedApi } from "./scripted-api.ts";

const FINISH: Readonly<Record<Played["finish"], string | null>> = {
  stop: "stop",
  length: "length",
  "content-filter": "content_filter",
  "tool-calls": "tool_calls",
  error: "error",
  other: null,
};

/** The chat completions API of OpenAI. */
export const chatApi: ScriptedApi = {
  path: "/chat/completions",
  malformed: 'data: {"choices":[{"del\n\n',
  ask(body, n) {
    const messages = objectsOf(body["messages"]).map(messageOf);
    const tools = objectsOf(body["tools"]).map(({ function: tool }) =>
      isObject(tool) ? stringOf(tool["name"]) : "",
    );
    return { n, messages, last: messages.at(-1)?.text ?? "", tools };
  },
  writer(played, body, n) {
    const event = (data: object): string =>
      `data: ${JSON.stringify({ ...head(body, n), object: "chat.completion.chunk", ...data })}\n\n`;
    const delta = (delta: object, finish: string | null = null): string =>
      event({ choices: [{ index: 0, delta, finish_reason: finish }] });
    let isFirst = true;
    return {
      begin: () => "",
      piece(piece) {
        const role = isFirst && { role: "assistant" };
        isFirst = false;
        return delta({ ...role, ...deltaOf(piece) });
      },
      end() {
        const { stream_options: options } = body;
        const counts = isObject(options) && options["include_usage"] === true;
        const usage = counts ? event({ choices: [], usage: usageOf(played) }) : "";
        return `${delta({}, FINISH[played.finish])}${usage}data: [DONE]\n\n`;
      },
    };
  },
  whole(played, body, n) {
    const { reply, calls, finish } = played;
    const message = {
      role: "assistant",
      content: reply.text ?? null,
      ...(reply.reasoning !== undefined && { reasoning_content: reply.reasoning }),
      ...(calls.length > 0 && {
        tool_calls: calls.map(({ id, name, input }) => ({
          id,
          type: "function",
          function: { name, arguments: input },
        })),
      }),
    };
    return {
      ...head(body, n),
      object: "chat.completion",
      choices: [{ index: 0, message, finish_reason: FINISH[finish] }],
      usage: usageOf(played),
    };
  },
  refusal: (_, message) => ({ error: { message, type: "scripted", code: null, param: null } }),
};

function head(body: Body, n: number): object {
  return { id: `chatcmpl-${n}`, created: 0, model: modelIn(body) };
}

function deltaOf(piece: Piece): object {
  if (piece.kind === "text") return { content: piece.text };
  if (piece.kind === "reasoning") return { reasoning_content: piece.text };
  const { index } = piece;
  if (piece.kind === "input")
    return { tool_calls: [{ index, function: { arguments: piece.text } }] };
  const { id, name } = piece;
  return { tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] };
}

function usageOf({ usage }: Played): object | null {
  if (usage === undefined) return null;
  const { input, output, cacheRead, reasoning } = usage;
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: cacheRead },
    completion_tokens_details: { reasoning_tokens: reasoning },
  };
}

function messageOf(message: Readonly<Record<string, unknown>>): ScriptedMessage {
  const { role, content, tool_calls: calls } = message;
  return {
    role: (role === "developer" ? "system" : role) as ScriptedMessage["role"],
    text: textIn(content),
    toolCalls: objectsOf(calls).map(({ id, function: called }) => ({
      id: stringOf(id),
      name: isObject(called) ? stringOf(called["name"]) : "",
    })),
  };
}
