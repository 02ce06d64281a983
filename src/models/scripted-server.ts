import type { Json } from "../core/json.ts";
import { pause, play } from "./script.ts";
import type { Played, Script, ScriptedAsk } from "./script.ts";
import { isObject } from "./scripted-api.ts";
import type { Body, ScriptedApi } from "./scripted-api.ts";
import { chatApi } from "./scripted-chat.ts";
import { messagesApi } from "./scripted-messages.ts";
import { responsesApi } from "./scripted-responses.ts";

/** A handler of requests, as `fetch` has them, that speaks the APIs of OpenAI and Anthropic. */
export interface ScriptedServer {
  (request: Request): Promise<Response>;
  /** The requests for an answer that came, in order. */
  readonly requests: readonly ScriptedRequest[];
}

export interface ScriptedRequest {
  readonly ask: ScriptedAsk;
  /** Which API it came by. */
  readonly api: "chat" | "responses" | "messages";
  readonly headers: Headers;
  readonly body: Readonly<Record<string, Json>>;
  /** How it ended; undefined while it goes on. `aborted`: whoever asked went away. */
  readonly ended: "done" | "failed" | "aborted" | undefined;
}

const APIS: Readonly<Record<ScriptedRequest["api"], ScriptedApi>> = {
  chat: chatApi,
  responses: responsesApi,
  messages: messagesApi,
};

/**
 * A server that says what a script has for it, streamed or not: to `POST …/chat/completions` and `POST
 * …/responses` as OpenAI does, and to `POST …/messages` as Anthropic does. Point the providers of the AI SDK at it,
 * or anything else that speaks one of these.
 */
export function scriptedServer(script: Script): ScriptedServer {
  const requests: (ScriptedRequest & { ended: ScriptedRequest["ended"] })[] = [];
  const answer = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    if (pathname.endsWith("/models")) {
      return Response.json({ object: "list", data: [{ id: "scripted", object: "model" }] });
    }
    const names = Object.keys(APIS) as ScriptedRequest["api"][];
    const api = names.find((name) => pathname.endsWith(APIS[name].path));
    if (request.method !== "POST" || api === undefined) {
      return refusal(chatApi, 404, `There is nothing at ${request.method} ${pathname}`);
    }
    const spoken = APIS[api];
    let body: unknown;
    try {
      body = await request.json();
    } catch {
      return refusal(spoken, 400, "The body is no JSON");
    }
    if (!isObject(body)) return refusal(spoken, 400, "The body is no JSON object");
    const given = body as Body;
    const ask = spoken.ask(given, requests.length);
    const call = {
      ask,
      api,
      headers: request.headers,
      body: given,
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
      return refusal(spoken, 400, (error as Error).message);
    }
    await pause(played.reply.delay ?? 0, gone.signal);
    const { error } = played.reply;
    if (error !== undefined) {
      call.ended ??= "failed";
      return refusal(spoken, error.status, error.message ?? `Status ${error.status}`, {
        retryAfter: error.retryAfter,
      });
    }
    const isStream = given["stream"] === true;
    const pieces = isStream ? streamed(spoken, played, call) : whole(spoken, played, call);
    return new Response(bodyOf(pieces, { played, call, gone }), {
      headers: { "content-type": isStream ? "text/event-stream" : "application/json" },
    });
  };
  return Object.assign(answer, { requests });
}

/** The text of the answer, piece by piece; what the fault leaves out is left out. */
function* streamed(
  api: ScriptedApi,
  played: Played,
  { ask, body }: Pick<ScriptedRequest, "ask" | "body">,
): Generator<string, void> {
  const writer = api.writer(played, body, ask.n);
  const begun = writer.begin();
  if (begun !== "") yield begun;
  let sent = 0;
  for (const piece of played.pieces()) {
    if (sent === played.faultAfter) break;
    sent += 1;
    yield writer.piece(piece);
  }
  if (played.faultAfter !== undefined) {
    if (played.reply.fault!.kind !== "malformed") return;
    yield api.malformed;
  }
  yield writer.end();
}

function* whole(
  api: ScriptedApi,
  played: Played,
  { ask, body }: Pick<ScriptedRequest, "ask" | "body">,
): Generator<string, void> {
  const { fault } = played.reply;
  if (fault?.kind === "endless") for (;;) yield " ";
  const text = JSON.stringify(api.whole(played, body, ask.n));
  yield fault === undefined ? text : text.slice(0, text.length / 2);
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

function refusal(
  api: ScriptedApi,
  status: number,
  message: string,
  { retryAfter }: { readonly retryAfter?: number | string | undefined } = {},
): Response {
  const headers = retryAfter === undefined ? {} : { "retry-after": String(retryAfter) };
  return Response.json(api.refusal(status, message), { status, headers });
}
