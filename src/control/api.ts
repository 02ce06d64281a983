import { Hono } from "hono";
import type { Context, Env } from "hono";
import { isNpub } from "../core/agent.ts";
import { OpenAgentsError } from "../core/errors.ts";
import type { AgentApp, ControlApp, HomeApp } from "./app.ts";
import { authorizationOf, bearerAuth, checkOrigin, unauthorized } from "./auth.ts";
import { agentRoutes } from "./agents.ts";
import type { BodyLimit } from "./body.ts";
import { exportRoute, importRoutes } from "./bundles.ts";
import { homeRoutes } from "./home.ts";
import { keyRoutes } from "./keys.ts";
import { mailRoutes } from "./mailbox.ts";
import { MAIL_PATH, moveRoutes, passedOnRoute } from "./moves.ts";
import { HttpError, problemResponse } from "./problem.ts";
import { peerRoutes } from "./peers.ts";
import { agentRef } from "./query.ts";
import { recordRoutes } from "./record.ts";
import { socketRoute } from "./socket.ts";

/** What the control API needs. */
export interface ControlOptions {
  /** The bearer token that every request but the health checks must carry. */
  readonly token: string;
  /** The runtime's limits; a body may be a little larger than an envelope's payload. */
  readonly limits: { readonly envelopeBytes: number };
  readonly version: string;
  /** The agent types that can be created, for `GET /runtime/status`. */
  readonly types?: readonly string[];
  /** False while starting and stopping: requests but the health checks are refused. Default: ready. */
  readonly ready?: () => boolean;
  /** Ends what waits: streams, and sends that wait for an answer. */
  readonly stopping?: AbortSignal;
  /** Origins of browsers' pages, beside the API's own, that may connect to WebSockets. Default: none. */
  readonly origins?: readonly string[];
  /** Told of errors that are nobody's fault but the server's. */
  readonly onError?: (error: unknown) => void;
}

/** Bytes that a body may have beyond its payload: the envelope's other fields. */
const ROOM = 65_536;

function mailLimit(payload: number): BodyLimit {
  return { bytes: payload + ROOM, setBy: '"limits.envelopeBytes" and some room' };
}

/**
 * The control API: one handler for Node, Workers and tests. Errors are RFC 9457 problem documents
 * whose `code` is an `ErrorCode`. The runtime comes with each request, `fetch(request, { home, runtime })`,
 * so that one handler serves all the runtimes of a process.
 */
export function controlApi(options: ControlOptions): ControlApp {
  const { envelopeBytes } = options.limits;
  const app: ControlApp = shell(options, (open) => {
    const mail: AgentApp = new Hono();
    // It is sealed, which makes it longer: padded, and written as text.
    passedOnRoute(mail, mailLimit(3 * envelopeBytes));
    open.route("/", mail);
  });
  const home: HomeApp = new Hono();
  homeRoutes(home, { version: options.version, types: options.types ?? [] });
  importRoutes(home);
  const agent: AgentApp = new Hono();
  agentRoutes(agent);
  exportRoute(agent);
  moveRoutes(agent);
  keyRoutes(agent);
  mailRoutes(agent, {
    bodyLimit: mailLimit(envelopeBytes),
    stopping: options.stopping,
  });
  recordRoutes(agent, options.stopping);
  socketRoute(agent);
  peerRoutes(agent);
  app.route("/", home);
  app.route("/", agent);
  refuseOtherMethods(app);
  return app;
}

/**
 * The same API for a home whose agents each have a runtime of their own elsewhere: what is about one
 * agent is passed on whole, once it has been let in, and `forward` gives the answer.
 */
export function gatewayApi(
  options: ControlOptions,
  forward: (ref: string, request: Request) => Promise<Response>,
): HomeApp {
  const pass = (c: Context): Promise<Response> =>
    forward(agentRef(c.req.param("ref") ?? ""), c.req.raw);
  const app: HomeApp = shell(options, (open) => open.post(MAIL_PATH, pass));
  homeRoutes(app, { version: options.version, types: options.types ?? [] });
  importRoutes(app);
  app.all("/agents/:ref", pass);
  app.all("/agents/:ref/*", pass);
  refuseOtherMethods(app);
  return app;
}

/**
 * What comes before all routes: errors, health, and who is let in. `open` adds the routes that the
 * token is not for.
 */
function shell<E extends Env>(options: ControlOptions, open: (app: Hono<E>) => void): Hono<E> {
  const { ready = () => true } = options;
  const authorize = bearerAuth(options.token);
  const app = new Hono<E>();

  app.onError((error) => {
    const response = problemResponse(error);
    if (response.status === 500) options.onError?.(error);
    return response;
  });
  app.notFound((c) =>
    problemResponse(
      new OpenAgentsError("NOT_FOUND", `Cannot ${c.req.method} "${c.req.path}": no such route`),
    ),
  );

  app.get("/healthz", (c) => c.json({ status: "ok" }));
  app.get("/readyz", (c) => {
    const up = ready();
    return c.json({ status: up ? "ready" : "not ready" }, up ? 200 : 503);
  });

  const checkReady = (): void => {
    if (!ready()) throw new HttpError(503, "BUSY", "Cannot serve: agentd is starting or stopping");
  };
  app.use(MAIL_PATH, async (c, next) => {
    if (c.req.method === "POST") {
      // Old homes know an agent by its id; nothing else is looked up for whoever has no token.
      if (!isNpub(c.req.param("ref") ?? ""))
        throw unauthorized("Cannot let in: no ticket is right");
      checkReady();
    }
    await next();
  });
  open(app);
  app.use(async (c, next) => {
    if (c.req.header("upgrade") !== undefined) checkOrigin(c.req.raw, options.origins ?? []);
    authorize(authorizationOf(c.req.raw));
    checkReady();
    await next();
  });
  return app;
}

/** Answers 405 where an address exists but not with this method. */
function refuseOtherMethods<E extends Env>(app: Hono<E>): void {
  const methods = new Map<string, string[]>();
  for (const { path, method } of app.routes) {
    if (method !== "ALL") methods.set(path, [...(methods.get(path) ?? []), method]);
  }
  for (const [path, allowed] of methods) {
    const allow = allowed.join(", ");
    app.all(path, (c) => {
      throw new HttpError(
        405,
        "INVALID",
        `Cannot ${c.req.method} "${c.req.path}": only ${allow} is possible here`,
        { allow },
      );
    });
  }
}
