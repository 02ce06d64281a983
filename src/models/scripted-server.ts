import type { Json } from "../core/json.ts";
import { pause, play } from "./script.ts";
import type { Piece, Played, Script, ScriptedAsk, ScriptedMessage } from "./script.ts";

/** A handler of requests, as `fetch` has them, that speaks the chat completions API of OpenAI. */
export interface ScriptedServer {
  (request: Request): Promise<Response>;
  /** The requests for a completion that came, in order. */
  readonly requests: readonly ScriptedRequest[];
}

export interface ScriptedRequest {
  readonly ask: ScriptedAsk;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, Json>>;
  /** How it ended; undefined while it goes on. `aborted`: whoever asked went away. */
  readonly ended: "done" | "failed" | "aborted" | undefined;
}

/**
 * A server that says what a script has for it, to `POST …/chat/completions`, streamed or not. Point the
 * providers of the AI SDK at it, or anything else that speaks this API.
 */
export function scriptedServer(script: Script): ScriptedServer {
  const requests: (ScriptedRequest & { ended: ScriptedRequest["ended"] })[] = [];
  const answer = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (pathname.endsWith("/models")) {
      return Response.json({ object: "list", data: [{ id: "scripted", object: "model" }] });
    }
    if (request.method !== "POST" || !pathname.endsWith("/chat/completions")) {
      return refusal(404, `There is nothing at ${request.method} ${pathname}`);
    }
    let body: Record<string, Json>;
    try {
      body = (await request.json()) as Record<string, Json>;
    } catch {
      return refusal(400, "The body is no JSON");
    }
    const ask = askOf(body, requests.length);
    const call = {
      ask,
      headers: request.headers,
      body,
      ended: undefined as ScriptedRequest["ended"],
    };
    requests.push(call);
    const gone = new AbortController();
    request.signal.addEventListener("abort", () => gone.abort());
    gone.signal.addEventListener("abort", () => (call.ended ??= "aborted"));
    let played: Played;
    try {
      played = await play(script, ask);
    } catch (error) {
      call.ended = "failed";
      return refusal(400, (error as Error).message);
    }
    await pause(played.reply.delay ?? 0, gone.signal);
    const { error } = played.reply;
    if (error !== undefined) {
      call.ended ??= "failed";
      return refusal(error.status, error.message ?? `Status ${error.status}`, error.retryAfter);
    }
    const head = {
      id: `chatcmpl-${ask.n}`,
      created: 0,
      model: typeof body["model"] === "string" ? body["model"] : "scripted",
    };
    const stream = body["stream"] === true ? streamed(played, head, body) : whole(played, head);
    const type = body["stream"] === true ? "text/event-stream" : "application/json";
    return new Response(bodyOf(stream, { played, call, gone }), {
      headers: { "content-type": type },
    });
  };
  return Object.assign(answer, { requests });
}

interface Head {
  readonly id: string;
  readonly created: number;
  readonly model: string;
}

/** The text of the answer, piece by piece; what the fault leaves out is left out. */
function* streamed(
  played: Played,
  head: Head,
  body: Readonly<Record<string, Json>>,
): Generator<string, void> {
  const event = (data: object): string =>
    `data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", ...data })}\n\n`;
  const delta = (delta: object, finish: string | null = null): string =>
    event({ choices: [{ index: 0, delta, finish_reason: finish }] });
  let sent = 0;
  for (const piece of played.pieces()) {
    if (sent === played.faultAfter) break;
    sent += 1;
    yield delta({ ...(sent === 1 && { role: "assistant" }), ...deltaOf(piece) });
  }
  if (played.faultAfter !== undefined) {
    if (played.reply.fault!.kind === "malformed") yield 'data: {"choices":[{"del\n\n';
    if (played.reply.fault!.kind !== "malformed") return;
  }
  yield delta({}, FINISH[played.finish]);
  const { include_usage } = (body["stream_options"] ?? {}) as { readonly include_usage?: boolean };
  if (include_usage === true) yield event({ choices: [], usage: usageOf(played) });
  yield "data: [DONE]\n\n";
}

function* whole(played: Played, head: Head): Generator<string, void> {
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
  const choices = [{ index: 0, message, finish_reason: FINISH[finish] }];
  const text = JSON.stringify({
    ...head,
    object: "chat.completion",
    choices,
    usage: usageOf(played),
  });
  if (reply.fault?.kind === "endless") for (;;) yield " ";
  yield reply.fault === undefined ? text : text.slice(0, text.length / 2);
}

/** Sends the pieces as they are asked for, and then does what the fault says. */
function bodyOf(
  pieces: Generator<string, void>,
  {
    played,
    call,
    gone,
  }: {
    readonly played: Played;
    readonly call: { ended: ScriptedRequest["ended"] };
    readonly gone: AbortController;
  },
): ReadableStream<Uint8Array> {
  const { reply } = played;
  const encoder = new TextEncoder();
  let sent = 0;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (sent > 0) await pause(reply.pause ?? 0, gone.signal);
      if (reply.fault?.kind === "endless" && sent % 64 === 63) await pause(1, gone.signal);
      if (gone.signal.aborted) return;
      sent += 1;
      const { done, value } = pieces.next();
      if (done !== true) return controller.enqueue(encoder.encode(value));
      if (reply.fault?.kind === "stall") {
        await new Promise((resolve) => gone.signal.addEventListener("abort", resolve));
        return;
      }
      const isBroken = reply.fault?.kind === "disconnect";
      call.ended ??= isBroken ? "failed" : "done";
      if (isBroken) controller.error(new Error("The script disconnects"));
      else controller.close();
    },
    cancel() {
      gone.abort();
    },
  });
}

const FINISH: Readonly<Record<Played["finish"], string | null>> = {
  stop: "stop",
  length: "length",
  "content-filter": "content_filter",
  "tool-calls": "tool_calls",
  error: "error",
  other: null,
};

function deltaOf(piece: Piece): object {
  if (piece.kind === "text") return { content: piece.text };
  if (piece.kind === "reasoning") return { reasoning_content: piece.text };
  const { index } = piece;
  if (piece.kind === "input")
    return { tool_calls: [{ index, function: { arguments: piece.text } }] };
  const { id, name } = piece;
  return { tool_calls: [{ index, id, type: "function", function: { name, arguments: "" } }] };
}

function usageOf({ usage }: Played): object {
  const { input, output, cacheRead, reasoning } = usage;
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: cacheRead },
    completion_tokens_details: { reasoning_tokens: reasoning },
  };
}

function askOf(body: Readonly<Record<string, Json>>, n: number): ScriptedAsk {
  const given = Array.isArray(body["messages"]) ? body["messages"] : [];
  const messages = given.map((message) => messageOf(message as Readonly<Record<string, Json>>));
  const tools = Array.isArray(body["tools"]) ? body["tools"] : [];
  const names = tools.map(
    (tool) => (tool as { function?: { name?: string } }).function?.name ?? "",
  );
  return { n, messages, last: messages.at(-1)?.text ?? "", tools: names };
}

function messageOf(message: Readonly<Record<string, Json>>): ScriptedMessage {
  const { role, content, tool_calls: calls } = message;
  const parts = (Array.isArray(content) ? content : []) as { readonly text?: string }[];
  const text =
    typeof content === "string" ? content : parts.map(({ text = "" }) => text).join("\n");
  const made = (Array.isArray(calls) ? calls : []) as { id: string; function: { name: string } }[];
  return {
    role: (role === "developer" ? "system" : role) as ScriptedMessage["role"],
    text,
    toolCalls: made.map(({ id, function: { name } }) => ({ id, name })),
  };
}

function refusal(status: number, message: string, retryAfter?: number): Response {
  const headers = retryAfter === undefined ? {} : { "retry-after": String(retryAfter) };
  return Response.json(
    { error: { message, type: "scripted", code: null, param: null } },
    { status, headers },
  );
}
