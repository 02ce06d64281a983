import { Hono } from "hono";
import { OpenAgentsError } from "../core/errors.ts";
import type { ControlApp, ControlEnv } from "./app.ts";
import { bearerAuth } from "./auth.ts";
import { agentRoutes } from "./agents.ts";
import { mailRoutes } from "./mailbox.ts";
import { HttpError, problemResponse } from "./problem.ts";
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
 * whose `code` is an `ErrorCode`. The runtime comes with each request, `fetch(request, { runtime })`, so
 * that one handler serves all the runtimes of a process.
 */
export function controlApi(options: ControlOptions): ControlApp {
  const { version, types = [], ready = () => true } = options;
  const authorize = bearerAuth(options.token);
  const app = new Hono<ControlEnv>();

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

  app.get("/runtime/status", (c) => c.json({ version, types, ...c.env.runtime.metrics() }));
  agentRoutes(app);
  mailRoutes(app, {
    bodyLimit: options.limits.envelopeBytes + ROOM,
    stopping: options.stopping,
  });
  recordRoutes(app, options.stopping);
  refuseOtherMethods(app);
  return app;
}

/** Answers 405 where an address exists but not with this method. */
function refuseOtherMethods(app: ControlApp): void {
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
