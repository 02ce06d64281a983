import type { Draft } from "../core/draft.ts";
import { OpenAgentsError } from "../core/errors.ts";
import type { HookDefinition } from "../core/hooks.ts";
import type { Clock, Random, TraceContext } from "../core/ports/index.ts";
import type { Answer, AskOptions, Runtime, Sent } from "../core/runtime.ts";
import { uuidv7 } from "../core/uuid.ts";
import { draftOf, hookAddress, replyResponse } from "../drivers/http.ts";
import type { HookAddress } from "../drivers/http.ts";
import { verifyWebhook } from "../drivers/webhook.ts";
import type { Secrets } from "../drivers/webhook.ts";
import { HttpError, problemResponse } from "./problem.ts";
import { waitTime } from "./query.ts";
import { readRaw } from "./raw-body.ts";
import { mailInTrace, traceOfRequest } from "./request-observer.ts";

/** Where what hooks take in goes to. */
export interface HookSink {
  /** Takes a draft in; resolves when that is durable. @throws NOT_FOUND when it is for nobody */
  send(draft: Draft): Promise<Sent>;
  /** The same, and waits for what becomes of it. */
  ask(draft: Draft, options: AskOptions): Promise<Answer>;
}

export interface HookOptions {
  readonly hooks: ReadonlyMap<string, HookDefinition>;
  readonly secrets: Secrets;
  readonly sink: HookSink;
  /**
   * Lets in what no hook is for: by the API's own authorization.
   * @throws what the API answers to whoever may not
   */
  readonly authorize: (request: Request, address: HookAddress) => Promise<void>;
  readonly clock: Clock;
  readonly random: Random;
  /** The most bytes of a body: `limits.envelopeBytes`. */
  readonly bodyBytes: number;
  /** Where the request stands in its trace. Default: what its headers say. */
  readonly trace?: TraceContext | undefined;
  /** Ends waits for replies. */
  readonly stopping?: AbortSignal | undefined;
  /** The longest that a body may take, ms. Default 10,000. */
  readonly bodyTime?: number;
}

/** In each response to what was taken in: the id of the envelope. */
export const ENVELOPE_HEADER = "openagents-envelope";

const SIGNED_METHODS: readonly string[] = ["POST"];
const METHODS: readonly string[] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/**
 * Requests to `/hooks/AGENT/SOURCE/…` become mail. A source that the runtime has a hook for is let in by
 * its signature and by nothing else; any other by the API's own authorization. Never throws.
 *
 * 202 with the envelope's id; with `?wait=10s` or the hook's `reply` the agent's last reply is the
 * response, 204 when it gave none, 502 when its tick failed; and when it took too long, 202 for `?wait`
 * and 504 for a hook's `reply`, whose sender then tries again and gets the answer to the same delivery.
 */
export async function handleHook(request: Request, options: HookOptions): Promise<Response> {
  try {
    return await answerHook(request, options);
  } catch (error) {
    void request.body?.cancel().catch(() => {});
    return problemResponse(error);
  }
}

async function answerHook(request: Request, options: HookOptions): Promise<Response> {
  const { pathname, searchParams: query } = new URL(request.url);
  const address = hookAddress(pathname);
  if (address === undefined) throw new OpenAgentsError("NOT_FOUND", "There is nothing here");
  const hook = options.hooks.get(address.source);
  const wait = waitOf(hook, query);
  const letIn = hook === undefined ? await byToken(request, address, options) : undefined;
  const { body, delivery, challenge } = letIn ?? (await bySignature(request, hook!, options));
  if (challenge !== undefined) {
    return replyResponse({
      status: 200,
      headers: { "content-type": "text/plain" },
      body: challenge,
    });
  }
  const { clock, random, sink, stopping } = options;
  const drawn = draftOf({
    request,
    query,
    address,
    body,
    driver: hook === undefined ? "http" : "webhook",
    type: hook?.type ?? "event",
    headers: hook?.headers ?? [],
    delivery,
    newId: uuidv7(clock.now(), random.bytes(10)),
    now: clock.now(),
  });
  const draft = mailInTrace(drawn, options.trace ?? traceOfRequest(request));
  if (wait === undefined) return accepted(await sink.send(draft));
  const answer = await sink.ask(draft, { timeout: wait, signal: stopping });
  if (answer.outcome !== "pending") return answered(answer);
  if (query.has("wait")) return accepted(answer);
  throw new HttpError(504, "TIMEOUT", "The agent has not answered in time; it goes on", {
    [ENVELOPE_HEADER]: answer.id,
  });
}

/** How long to wait for the agent's reply, ms; undefined for not at all. */
function waitOf(hook: HookDefinition | undefined, query: URLSearchParams): number | undefined {
  if (query.has("wait")) return waitTime(query.get("wait")!);
  return hook?.reply === true ? hook.wait : undefined;
}

interface LetIn {
  readonly body: Uint8Array;
  readonly delivery: string | undefined;
  readonly challenge?: string;
}

async function byToken(
  request: Request,
  address: HookAddress,
  options: HookOptions,
): Promise<LetIn> {
  await options.authorize(request, address);
  checkMethod(request, METHODS);
  const delivery = request.headers.get("idempotency-key") ?? undefined;
  return { body: await bodyOf(request, options), delivery };
}

/**
 * Whatever is wrong with a signature has one answer, from which nobody learns how to make a better one.
 */
async function bySignature(
  request: Request,
  hook: HookDefinition,
  options: HookOptions,
): Promise<LetIn> {
  checkMethod(request, SIGNED_METHODS);
  const { secrets, clock } = options;
  const body = await bodyOf(request, options);
  const verified = await verifyWebhook({ hook, headers: request.headers, body, secrets, clock });
  if (verified === undefined) {
    throw new HttpError(401, "DENIED", "Cannot take request: it is not signed as it must be");
  }
  const { id, challenge } = verified;
  if (challenge !== undefined) return { body, delivery: undefined, challenge };
  if (id === undefined || id === "") {
    throw new OpenAgentsError("INVALID", "Cannot take request: it has no id of its delivery");
  }
  return { body, delivery: id };
}

function checkMethod({ method }: Request, methods: readonly string[]): void {
  if (methods.includes(method)) return;
  throw new HttpError(405, "INVALID", `Cannot take ${method}: use ${methods.join(", ")}`, {
    allow: methods.join(", "),
  });
}

function bodyOf(request: Request, options: HookOptions): Promise<Uint8Array> {
  const { clock, bodyBytes: bytes, bodyTime: time = 10_000 } = options;
  return readRaw(request, { clock, bytes, setBy: "limits.envelopeBytes", time });
}

function accepted({ id, receipt }: Sent): Response {
  return Response.json({ id, receipt }, { status: 202, headers: { [ENVELOPE_HEADER]: id } });
}

function answered({ id, outcome, replies }: Answer): Response {
  const headers = { [ENVELOPE_HEADER]: id };
  const reply = replies.at(-1);
  if (reply !== undefined) return replyResponse(reply, headers);
  if (outcome === "done") return new Response(null, { status: 204, headers });
  // Why is not for everybody who can sign: it is in the agent's record.
  throw new HttpError(502, "REMOTE", "The agent could not deal with this request", headers);
}

/** Straight to the agent that the address names, with no rules in between. */
export function directSink(runtime: Pick<Runtime, "send" | "ask">): HookSink {
  const addressed = ({ to, ...draft }: Draft): string => {
    if (to !== undefined) return to;
    throw new OpenAgentsError("NOT_FOUND", `No rule says who gets what "${draft.from}" sends`);
  };
  const mailOf = ({ to: _to, sentAt: _sentAt, ...mail }: Draft): Omit<Draft, "to" | "sentAt"> =>
    mail;
  return {
    send: async (draft) => runtime.send(addressed(draft), mailOf(draft)),
    ask: async (draft, options) => runtime.ask(addressed(draft), mailOf(draft), options),
  };
}
