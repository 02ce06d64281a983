import { errorInfo } from "../core/errors.ts";
import type { OpenAgentsError } from "../core/errors.ts";
import { isBound } from "./access.ts";
import type { Principal } from "./access.ts";
import type { ControlOptions } from "./api.ts";
import { readText } from "./body.ts";
import { isAboutAgent, takesKey } from "./operation.ts";
import type { ControlApp, Operation } from "./operation.ts";
import { checkScopeOf, once, outOfBounds, perform } from "./perform.ts";
import { agentRef } from "./query.ts";
import { requestInTrace } from "./request-observer.ts";
import { router } from "./router.ts";
import type { Handler } from "./router.ts";
import { unwanted } from "./signed-mail.ts";

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
  return router(options, handle, forward);
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
