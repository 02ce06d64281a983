import { Hono } from "hono";
import type { Context } from "hono";
import { isNpub } from "../core/agent.ts";
import { OpenAgentsError } from "../core/errors.ts";
import { unauthorized } from "./access.ts";
import type { Principal } from "./access.ts";
import { addHeaders } from "./add-headers.ts";
import type { ControlOptions } from "./api.ts";
import { cors } from "./cors.ts";
import type { Forward } from "./gateway.ts";
import { hookRoutes } from "./hook-routes.ts";
import { hasRest, routePath } from "./operation.ts";
import type { ControlApp, ControlEnv, Operation } from "./operation.ts";
import { OPERATIONS } from "./operations.ts";
import { HttpError, problemResponse } from "./problem.ts";
import { observing } from "./request-observer.ts";
import { requestIdOf } from "./request-id.ts";
import { isSigned, signerOf } from "./signed-mail.ts";
import { checkOrigin } from "./socket-request.ts";

export type Handler = (c: Context<ControlEnv>) => Promise<Response> | Response;

/** The routes: what comes before all operations, the operations, and what is said of no operation. */
export function router(
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
    for (const path of pathsOf(operation)) {
      app.on(operation.method.toUpperCase(), path, handle(operation));
    }
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
  const known = OPERATIONS.filter(({ scope }) => scope !== "open" && scope !== "ticket");
  known.filter((one) => !hasRest(one)).forEach(route);
  refuseOtherMethods(
    app,
    OPERATIONS.filter((one) => !hasRest(one)),
  );
  // What has all that is below it must not have what others have, whatever the method.
  const last = known.filter(hasRest);
  last.forEach(route);
  refuseOtherMethods(app, last);
  return app;
}

/** The addresses of an operation, as the router has them. */
function pathsOf({ path, also = path }: Operation): ReadonlySet<string> {
  return new Set([path, also].map((one) => routePath({ path: one })));
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

/** Answers 405 where an address exists but not with this method. */
function refuseOtherMethods(app: ControlApp, operations: readonly Operation[]): void {
  const methods = new Map<string, string[]>();
  for (const operation of operations) {
    for (const path of pathsOf(operation)) {
      methods.set(path, [...(methods.get(path) ?? []), operation.method.toUpperCase()]);
    }
  }
  for (const [path, allowed] of methods) {
    const allow = allowed.join(", ");
    app.all(path, (c) => {
      const problem = `Cannot ${c.req.method} "${c.req.path}": only ${allow} is possible here`;
      throw new HttpError(405, "INVALID", problem, { allow });
    });
  }
}
