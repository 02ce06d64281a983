import { OpenAgentsError } from "../core/errors.ts";
import type { HookDefinition } from "../core/hooks.ts";
import type { Clock, Random, TraceContext } from "../core/ports/index.ts";
import type { Answer } from "../core/runtime.ts";
import { uuidv7 } from "../core/uuid.ts";
import { draftOf, hookAddress, replyResponse } from "../drivers/http.ts";
import type { HookAddress } from "../drivers/http.ts";
import { verifyWebhook } from "../drivers/webhook.ts";
import type { Secrets } from "../drivers/webhook.ts";
import type { HookSink, Taken } from "./plumbed.ts";
import { HttpError, problemResponse } from "./problem.ts";
import { waitTime } from "./query.ts";
import { readRaw } from "./raw-body.ts";
import { mailInTrace, traceOfRequest } from "./request-observer.ts";

export interface HookHandling {
  readonly hooks: ReadonlyMap<string, HookDefinition>;
  readonly secrets: Secrets;
  readonly sink: HookSink;
  /**
   * Lets in what no hook is for, by the API's own authorization; resolves to who sends it.
   * @throws what the API answers to whoever may not
   */
  readonly authorize: (request: Request, address: HookAddress) => Promise<string>;
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
export async function handleHook(request: Request, options: HookHandling): Promise<Response> {
  try {
    return await answerHook(request, options);
  } catch (error) {
    void request.body?.cancel().catch(() => {});
    return problemResponse(error);
  }
}

/** A request that was let in. */
interface AdmittedHook extends LetIn {
  readonly address: HookAddress;
  /** Undefined for one that was let in by the API's own authorization. */
  readonly hook: HookDefinition | undefined;
}

/** Where a request goes, if that is to a source which is let in by its signature. */
export function signedSource(
  pathname: string,
  hooks: ReadonlyMap<string, HookDefinition>,
): HookAddress | undefined {
  const address = hookAddress(pathname);
  return address !== undefined && hooks.has(address.source) ? address : undefined;
}

/** Lets a request in, or throws what the answer is to one that may not come in; reads its body. */
async function admitHook(
  request: Request,
  options: Omit<HookHandling, "sink" | "random">,
): Promise<AdmittedHook> {
  const address = hookAddress(new URL(request.url).pathname);
  if (address === undefined) throw new OpenAgentsError("NOT_FOUND", "There is nothing here");
  const hook = options.hooks.get(address.source);
  const letIn =
    hook === undefined
      ? await byToken(request, address, options)
      : await bySignature(request, hook, { ...options, address });
  return { ...letIn, address, hook };
}

/** The answer to a sender that asks whether there is anybody. */
function challengeResponse(challenge: string): Response {
  return replyResponse({ status: 200, headers: { "content-type": "text/plain" }, body: challenge });
}

/** As `handleHook`, but that it throws what goes wrong. */
export async function answerHook(request: Request, options: HookHandling): Promise<Response> {
  const { searchParams: query } = new URL(request.url);
  const { address, hook, body, principal, delivery, challenge } = await admitHook(request, options);
  if (challenge !== undefined) return challengeResponse(challenge);
  const wait = waitOf(hook, query);
  const { clock, random, sink, stopping } = options;
  const drawn = draftOf({
    request,
    query,
    address,
    body,
    principal,
    type: hook?.type ?? "event",
    headers: hook?.headers ?? [],
    delivery,
    newId: uuidv7(clock.now(), random.bytes(10)),
    now: clock.now(),
  });
  const draft = mailInTrace(drawn, options.trace ?? traceOfRequest(request));
  if (wait === undefined) return accepted(await sink.send(draft).catch(orLater));
  const answer = await sink.ask(draft, { timeout: wait, signal: stopping }).catch(orLater);
  if (!("outcome" in answer)) return accepted(answer);
  if (answer.outcome !== "pending") return answered(answer);
  if (query.has("wait")) return accepted(answer);
  throw new HttpError(504, "TIMEOUT", "The agent has not answered in time; it goes on", {
    [ENVELOPE_HEADER]: answer.id,
  });
}

/** Has senders come again with what is busy, as they do after a 503. @throws always */
function orLater(error: unknown): never {
  if (!(error instanceof OpenAgentsError) || error.code !== "BUSY") throw error;
  throw new HttpError(503, "BUSY", error.message, { "retry-after": "1" });
}

/** How long to wait for the agent's reply, ms; undefined for not at all. */
function waitOf(hook: HookDefinition | undefined, query: URLSearchParams): number | undefined {
  if (query.has("wait")) return waitTime(query.get("wait")!);
  return hook?.reply === true ? hook.wait : undefined;
}

interface LetIn {
  readonly body: Uint8Array;
  /** Who sent it; absent where a signature let it in. */
  readonly principal?: string;
  readonly delivery: string | undefined;
  readonly challenge?: string;
}

async function byToken(
  request: Request,
  address: HookAddress,
  options: Omit<HookHandling, "sink" | "random">,
): Promise<LetIn> {
  const principal = await options.authorize(request, address);
  checkMethod(request, METHODS);
  const delivery = request.headers.get("idempotency-key") ?? undefined;
  return { body: await bodyOf(request, options), principal, delivery };
}

/**
 * Whatever is wrong with a signature has one answer, from which nobody learns how to make a better one.
 */
async function bySignature(
  request: Request,
  hook: HookDefinition,
  options: Omit<HookHandling, "sink" | "random"> & { readonly address: HookAddress },
): Promise<LetIn> {
  checkMethod(request, SIGNED_METHODS);
  const { secrets, clock, address } = options;
  const body = await bodyOf(request, options);
  const verified = await verifyWebhook({ hook, headers: request.headers, body, secrets, clock });
  if (verified === undefined) {
    throw new HttpError(401, "DENIED", "Cannot take request: it is not signed as it must be");
  }
  // The address is not signed: whoever has a request could send it to others too.
  if (address.agent !== undefined && hook.agents?.has(address.agent) === false) {
    throw new OpenAgentsError("DENIED", "Cannot take request: this hook is for other agents");
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

function bodyOf(
  request: Request,
  options: Pick<HookHandling, "clock" | "bodyBytes" | "bodyTime">,
): Promise<Uint8Array> {
  const { clock, bodyBytes: bytes, bodyTime: time = 10_000 } = options;
  return readRaw(request, { clock, bytes, setBy: "limits.envelopeBytes", time });
}

function accepted({ id, receipt }: Taken): Response {
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
