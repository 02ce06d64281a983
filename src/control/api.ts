import { Hono } from "hono";
import type { Context, Env } from "hono";
import { OpenAgentsError } from "../core/errors.ts";
import type { AgentApp, ControlApp, HomeApp } from "./app.ts";
import { bearerAuth } from "./auth.ts";
import { agentRoutes } from "./agents.ts";
import { homeRoutes } from "./home.ts";
import { keyRoutes } from "./keys.ts";
import { mailRoutes } from "./mailbox.ts";
import { HttpError, problemResponse } from "./problem.ts";
import { peerRoutes } from "./peers.ts";
import { agentRef } from "./query.ts";
import { recordRoutes } from "./record.ts";

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
  /** Told of errors that are nobody's fault but the server's. */
  readonly onError?: (error: unknown) => void;
}

/** Bytes that a body may have beyond its payload: the envelope's other fields. */
const ROOM = 65_536;

/**
 * The control API: one handler for Node, Workers and tests. Errors are RFC 9457 problem documents
 * whose `code` is an `ErrorCode`. The runtime comes with each request, `fetch(request, { home, runtime })`,
 * so that one handler serves all the runtimes of a process.
 */
export function controlApi(options: ControlOptions): ControlApp {
  const app: ControlApp = shell(options);
  const home: HomeApp = new Hono();
  homeRoutes(home, { version: options.version, types: options.types ?? [] });
  const agent: AgentApp = new Hono();
  agentRoutes(agent);
  keyRoutes(agent);
  mailRoutes(agent, {
    bodyLimit: options.limits.envelopeBytes + ROOM,
    stopping: options.stopping,
  });
  recordRoutes(agent, options.stopping);
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
  const app: HomeApp = shell(options);
  homeRoutes(app, { version: options.version, types: options.types ?? [] });
  refuseOtherMethods(app);
  const pass = (c: Context): Promise<Response> =>
    forward(agentRef(c.req.param("ref") ?? ""), c.req.raw);
  app.all("/agents/:ref", pass);
  app.all("/agents/:ref/*", pass);
  return app;
}

/** What comes before all routes: errors, health, and who is let in. */
function shell<E extends Env>(options: ControlOptions): Hono<E> {
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

  app.use(async (c, next) => {
    authorize(c.req.header("authorization"));
    if (!ready()) throw new HttpError(503, "BUSY", "Cannot serve: agentd is starting or stopping");
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
