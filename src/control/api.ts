import { Hono } from "hono";
import type { Context } from "hono";
import { isNpub } from "../core/agent.ts";
import type { Senders } from "../core/definition.ts";
import { errorInfo, OpenAgentsError } from "../core/errors.ts";
import { addHeaders } from "./add-headers.ts";
import { checkScope, isBound, mayTouch, unauthorized } from "./access.ts";
import type { Access, Principal } from "./access.ts";
import { cors } from "./cors.ts";
import { checkBody, readObject, readText } from "./body.ts";
import type { BodyPace } from "./body.ts";
import { hookRoutes } from "./hook-routes.ts";
import type { HookPorts } from "./hook-routes.ts";
import { documentOf } from "./openapi.ts";
import { isAboutAgent, routePath, takesKey } from "./operation.ts";
import type { Address, Answerer, Answers, ControlApp, ControlEnv, Operation } from "./operation.ts";
import { OPERATIONS } from "./operations.ts";
import { HttpError, problemResponse } from "./problem.ts";
import type { HomeMeasures } from "./prometheus.ts";
import { agentRef } from "./query.ts";
import type { RateLimit } from "./rate-limit.ts";
import { observing, requestInTrace } from "./request-observer.ts";
import type { RequestObserver } from "./request-observer.ts";
import { isSigned, signerOf, unwanted } from "./signed-mail.ts";
import type { SignedRequests } from "./signed-mail.ts";
import { checkOrigin } from "./socket-request.ts";
import type { StillGood } from "./standing.ts";
import { requestIdOf } from "./request-id.ts";
import type { WebhookAdmin } from "./webhooks.ts";

export type { ControlApp } from "./operation.ts";

/** What the control API needs. */
export interface ControlOptions {
  /** Says who makes a request; only health checks need nobody. */
  readonly access: Access;
  /** The runtime's limits; a body may be a little larger than an envelope's payload. */
  readonly limits: { readonly envelopeBytes: number };
  readonly version: string;
  /** How long the body of a request may take to come; bundles mind their own. Default 30 s. */
  readonly bodyPace?: BodyPace | undefined;
  /** The agent types that can be created, for `GET /runtime/status`. */
  readonly types?: readonly string[];
  /** Takes in what comes to `/hooks/…`. Default: there is no such address. */
  readonly hooks?: HookPorts | undefined;
  /** Webhooks that go out. Default: none can be made. */
  readonly webhooks?: WebhookAdmin | undefined;
  /** Counts the requests of those who have a rate. */
  readonly rates?: RateLimit;
  /** Whether who follows a stream still may. Default: whoever was let in stays in. */
  readonly stillGood?: StillGood | undefined;
  /** Lets in requests that a Nostr key signed. Default: none. */
  readonly signed?: SignedRequests | undefined;
  /** From whose keys agents of a type take mail. Default: from nobody's. */
  readonly senders?: (type: string) => Senders;
  /** False while starting and stopping: requests but the health checks are refused. Default: ready. */
  readonly ready?: () => boolean;
  /** Ends what waits: streams, and sends that wait for an answer. */
  readonly stopping?: AbortSignal;
  /** What the home knows of itself beside what its runtime counts, for `GET /runtime/metrics`. */
  readonly measures?: () => HomeMeasures;
  /** Told of each request. Default: nobody. */
  readonly observer?: RequestObserver | undefined;
  /** Takes secrets out of what is said of errors of the server's own. Default: it stays as it is. */
  readonly redact?: ((text: string) => string) | undefined;
  /** Origins of browsers' pages, beside the API's own, that may use the API (CORS). Default: none. */
  readonly origins?: readonly string[];
  /** Told of errors that are nobody's fault but the server's. */
  readonly onError?: (error: unknown) => void;
}

/**
 * The control API: one handler for Node, Workers and tests. Errors are RFC 9457 problem documents
 * whose `code` is an `ErrorCode`. The runtime comes with each request, `fetch(request, { home, runtime })`,
 * so that one handler serves all the runtimes of a process.
 */
export function controlApi(options: ControlOptions): ControlApp {
  return api(options, (operation) => (c) => perform(operation, c, options));
}

/** What a gateway knows of a request that it passes on. */
export interface Handed {
  /** Absent for mail under a ticket. */
  readonly principal: Principal | undefined;
  readonly requestId: string;
}

/** Passes a request about one agent on to where the agent is. */
export type Forward = (ref: string, request: Request, by: Handed) => Promise<Response>;

/**
 * The same API for a home whose agents each have a runtime of their own elsewhere: what is about one
 * agent is passed on whole, once it has been let in, and `forward` gives the answer.
 */
export function gatewayApi(options: ControlOptions, forward: Forward): ControlApp {
  const handle = (operation: Operation): Handler => {
    if (!isAboutAgent(operation)) return (c) => perform(operation, c, options);
    return async (c) => {
      const principal = c.get("principal") as Principal | undefined;
      if (principal !== undefined) checkScopeOf(operation, principal);
      const ref = agentRef(c.req.param("ref") ?? "");
      const by = { principal, requestId: c.get("requestId") };
      const request = requestInTrace(c.req.raw, c.get("trace"));
      const keyed = c.req.header("idempotency-key") !== undefined && takesKey(operation);
      const text = c.get("text");
      const pass = (given: Request): Promise<Response> =>
        principal !== undefined && (isBound(principal) || principal.scope === "send")
          ? hiding(ref, principal, () => forward(ref, given, by))
          : forward(ref, given, by);
      if (text === undefined && !keyed) return pass(request);
      const { url, method } = request;
      const headers = new Headers(request.headers);
      // Signed, it was read to know who asks.
      if (text !== undefined) {
        return pass(new Request(url, { method, headers, body: text }));
      }
      const body = await readText(c.req, operation.bodyLimit(options), options.bodyPace);
      headers.delete("idempotency-key");
      // What was answered before is only for those who may still ask.
      if (principal !== undefined && isBound(principal)) {
        const seen = await pass(new Request(new URL(`/agents/${ref}`, url), { headers }));
        if (!seen.ok) return seen;
      }
      return once(operation, c, body, () => pass(new Request(url, { method, headers, body })));
    };
  };
  return api(options, handle, forward);
}

/**
 * The header of an answer by an object that does not have the agent it was asked for: `empty` when it
 * never had one.
 */
export const NOT_HERE = "x-openagents-not-here";

/** Passes on for somebody who is to learn of no agent but those that they may touch. */
async function hiding(
  ref: string,
  principal: Principal,
  pass: () => Promise<Response>,
): Promise<Response> {
  const hidden = (): OpenAgentsError =>
    principal.scope === "send" ? unwanted(ref, principal) : outOfBounds(ref, principal);
  const response = await pass().catch((error: unknown) => {
    throw errorInfo(error).code === "NOT_FOUND" ? hidden() : error;
  });
  // An object without its agent knows nothing of bounds.
  if (response.headers.get(NOT_HERE) !== null) throw hidden();
  return response;
}

type Handler = (c: Context<ControlEnv>) => Promise<Response> | Response;

/** The router: what comes before all operations, the operations, and what is said of no operation. */
function api(
  options: ControlOptions,
  handle: (operation: Operation) => Handler,
  passOn?: Forward,
): ControlApp {
  const app: ControlApp = new Hono();
  app.use(observing(options.observer, namesOf));
  app.onError((error, c) => {
    const response = problemResponse(error, {
      requestId: c.get("requestId"),
      redact: options.redact,
    });
    if (response.status === 500) options.onError?.(error);
    return response;
  });
  app.notFound((c) => {
    const problem = `Cannot ${c.req.method} "${c.req.path}": no such route`;
    const error = new OpenAgentsError("NOT_FOUND", problem);
    return problemResponse(error, { requestId: c.get("requestId") });
  });
  app.use(async (c, next) => {
    const id = requestIdOf(c.req.header("x-request-id"));
    c.set("requestId", id);
    await addHeaders(c, { "x-request-id": id }, next);
  });

  if (options.origins !== undefined && options.origins.length > 0) app.use(cors(options.origins));

  const route = (operation: Operation): void => {
    app.on(operation.method.toUpperCase(), routePath(operation), handle(operation));
  };
  const open = OPERATIONS.filter(({ scope }) => scope === "open");
  open.forEach(route);
  for (const operation of OPERATIONS.filter(({ scope }) => scope === "ticket")) {
    app.use(routePath(operation), async (c, next) => {
      if (c.req.method === operation.method.toUpperCase()) {
        // Old homes know an agent by its id; nothing else is looked up for whoever has no token.
        if (!isNpub(c.req.param("ref") ?? "")) {
          throw unauthorized("Cannot let in: no ticket is right");
        }
        checkReady(options);
      }
      await next();
    });
    route(operation);
  }
  const hooks = hookRoutes(options, () => checkReady(options), passOn);
  hooks?.signed(app);
  app.use((c, next) => admit(c, options, next));
  hooks?.others(app);
  for (const operation of OPERATIONS) {
    if (operation.scope !== "open" && operation.scope !== "ticket") route(operation);
  }
  refuseOtherMethods(app);
  return app;
}

/** What a log says of a request beside what HTTP does. */
function namesOf(c: Context): { readonly id?: string; readonly principal?: string } {
  const { requestId, principal } = (c as Context<ControlEnv>).var;
  return {
    id: requestId,
    ...((principal as Principal | undefined) && { principal: principal.id }),
  };
}

/** Lets in whoever is known, while there is somebody to serve them and they do not ask too often. */
async function admit(
  c: Context<ControlEnv>,
  options: ControlOptions,
  next: () => Promise<void>,
): Promise<void> {
  if (c.req.header("upgrade") !== undefined) checkOrigin(c.req.raw, options.origins ?? []);
  const { signed, access } = options;
  const principal =
    signed !== undefined && isSigned(c)
      ? await signerOf(c, signed, options.bodyPace)
      : await access.who(c.req.raw);
  c.set("principal", principal);
  const { rate } = principal;
  if (rate === undefined || options.rates === undefined) {
    checkReady(options);
    return next();
  }
  const { ok, left, reset } = options.rates.take(principal.id, rate);
  const headers = {
    "ratelimit-policy": `"token";q=${rate};w=60`,
    ratelimit: `"token";r=${left};t=${reset}`,
  };
  if (!ok) {
    throw new HttpError(
      429,
      "RATE_LIMITED",
      `Cannot serve: "${principal.id}" may make ${rate} requests a minute: try again in ${reset} s`,
      { ...headers, "retry-after": String(reset) },
    );
  }
  checkReady(options);
  await addHeaders(c, headers, next);
}

function checkReady({ ready }: ControlOptions): void {
  if (ready !== undefined && !ready()) {
    throw new HttpError(503, "BUSY", "Cannot serve: agentd is starting or stopping");
  }
}

/** @throws DENIED (403) */
function checkScopeOf({ scope, path, signed, bound }: Operation, principal: Principal): void {
  if (scope === "open" || scope === "ticket") return;
  if (signed === true && principal.scope === "send") return;
  checkScope(principal, scope);
  if (bound === true || path.startsWith("/agents/{ref}") || !isBound(principal)) return;
  throw new OpenAgentsError(
    "DENIED",
    `Cannot do this as "${principal.id}": it is bound to some agents, and this is about the home`,
  );
}

/** Does what a request asks for. */
async function perform(
  operation: Operation,
  c: Context<ControlEnv>,
  options: ControlOptions,
): Promise<Response> {
  refuseHead(operation, c);
  const { ref = "", ...params } = c.req.param() as Record<string, string>;
  const principal = c.get("principal");
  checkScopeOf(operation, principal);
  refuseIfMatch(operation, c);
  const { home, runtime = NO_RUNTIME } = c.env;
  const named = ref === "" ? ref : agentRef(ref);
  const document = (): object => documentOnce(options.version);
  const address: Address = { ref: named, params, home, runtime, principal, options, document, c };
  await operation.admit?.(address);
  if (operation.scope !== "ticket" && named !== "" && isBound(principal)) {
    await checkBounds(address);
  }
  const query: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(operation.query ?? {})) {
    query[name] = schema.parse(c.req.query(name));
  }
  const { body: schema } = operation;
  const body =
    schema === undefined
      ? undefined
      : checkBody(
          schema,
          await readObject(c.req, operation.bodyLimit(options), {
            read: c.get("text"),
            pace: options.bodyPace,
          }),
        );
  const answer = ((status: 200, value?: object, headers?: Record<string, string>) =>
    value === undefined
      ? c.body(null, status)
      : c.json(value, status, headers)) as Answerer<Answers>;
  const run = async (): Promise<Response> => operation.run({ ...address, query, body }, answer);
  const keyed = c.req.header("idempotency-key") !== undefined && takesKey(operation);
  return keyed ? once(operation, c, JSON.stringify(body ?? null), run) : run();
}

/** Does what has an `Idempotency-Key` once. */
function once(
  operation: Operation,
  c: Context<ControlEnv>,
  body: string,
  run: () => Promise<Response>,
): Promise<Response> {
  if (c.env.idempotency === undefined) {
    const problem = 'Cannot keep an "Idempotency-Key": there is no place for it';
    throw new HttpError(501, "CONFIG", problem);
  }
  // However the client spells the host.
  const { pathname, search } = new URL(c.req.url);
  return c.env.idempotency.once(
    {
      principal: c.get("principal").id,
      key: c.req.header("idempotency-key") ?? "",
      request: `${c.req.method} ${pathname}${search} ${body}`,
      secret: operation.secret === true,
    },
    run,
  );
}

/** Made when it is first asked for. */
const documents = new Map<string, object>();

function documentOnce(version: string): object {
  const document = documents.get(version) ?? documentOf(OPERATIONS, version);
  documents.set(version, document);
  return document;
}

/** @throws DENIED (403) for an agent that whoever asks may not touch */
async function checkBounds({ ref, runtime, principal }: Address): Promise<void> {
  const agent = await runtime.get(ref).catch((error: unknown) => {
    if (errorInfo(error).code === "NOT_FOUND") throw outOfBounds(ref, principal);
    throw error;
  });
  if (!mayTouch(principal, agent)) throw outOfBounds(ref, principal);
}

/** For an agent out of bounds, and for one that is not there: whoever is bound learns of no others. */
function outOfBounds(ref: string, { id }: Principal): OpenAgentsError {
  const problem = "it is not bound to it, or there is no such agent";
  return new OpenAgentsError("DENIED", `Cannot use "${ref}" as "${id}": ${problem}`);
}

/** Whoever asks for a change under a condition must not have it without. @throws INVALID */
function refuseIfMatch({ method, headers }: Operation, c: Context<ControlEnv>): void {
  if (c.req.header("if-match") === undefined || headers?.["If-Match"] !== undefined) return;
  if (method === "get" || method === "post") return;
  const problem = `Cannot ${c.req.method} "${c.req.path}" with "If-Match": it is not heeded here: send it without`;
  throw new OpenAgentsError("INVALID", problem);
}

/** Answered as GET without its body, a HEAD would leave something open that nobody reads. */
function refuseHead({ answers }: Operation, c: Context<ControlEnv>): void {
  if (c.req.method !== "HEAD" || !Object.values(answers).some(({ type }) => type)) return;
  const problem = `Cannot HEAD "${c.req.path}": only GET is possible here`;
  throw new HttpError(405, "INVALID", problem, { allow: "GET" });
}

/** In place of a runtime where there is none: operations over the home do not ask for one. */
const NO_RUNTIME = undefined as never;

/** Answers 405 where an address exists but not with this method. */
function refuseOtherMethods(app: ControlApp): void {
  const methods = new Map<string, string[]>();
  for (const operation of OPERATIONS) {
    const path = routePath(operation);
    methods.set(path, [...(methods.get(path) ?? []), operation.method.toUpperCase()]);
  }
  for (const [path, allowed] of methods) {
    const allow = allowed.join(", ");
    app.all(path, (c) => {
      const problem = `Cannot ${c.req.method} "${c.req.path}": only ${allow} is possible here`;
      throw new HttpError(405, "INVALID", problem, { allow });
    });
  }
}
