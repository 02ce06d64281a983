import { NOT_HERE } from "../../control/gateway.ts";
import { isKey } from "../../core/agent.ts";
import { idOf } from "./carrier.ts";
import type { Directory } from "./directory.ts";
import type { ObjectNamespace } from "./platform.ts";
import type { Forward, Handed } from "../../control/gateway.ts";
import { PRINCIPAL_HEADER } from "../../control/bearer-access.ts";
import { HttpError } from "../../control/problem.ts";
import { call, reach } from "./wire.ts";

/**
 * Passes requests about one agent to its object. That a name went to another agent since it was
 * looked up is noticed by the object that had it, which says so before it reads the body.
 */
export function passTo(to: {
  readonly agents: ObjectNamespace;
  readonly directory: Directory;
}): Forward {
  const { agents, directory } = to;

  const pass = async (id: string, request: Request): Promise<Response> => {
    try {
      return await reach(agents, id, request);
    } catch (error) {
      // It may be the agent's doing that its object ended: from now on nothing may hide there.
      await call(agents, id, { method: "careful", input: null }).catch(() => undefined);
      throw error;
    }
  };

  return async (ref, given, by) => {
    const request = handedOn(given, by);
    const remembered = directory.remembers(ref);
    const response = await pass(await idOf(directory, ref), request);
    const away = response.headers.get(NOT_HERE);
    if (away === null || isKey(ref)) return response;
    const completed = away === "empty" && (await directory.complete(ref));
    if (!remembered && !completed) return response;
    directory.forget(ref);
    if (request.body === null) return pass(await idOf(directory, ref), request);
    // The body is gone, and to keep a copy of each would cost more than that one comes again.
    throw new HttpError(503, "BUSY", `"${ref}" was not yet where it was looked for: send again`, {
      "retry-after": "0",
    });
  };
}

/** The same request, which says whose it is. What a stranger says of that does not count. */
function handedOn(request: Request, { principal, requestId }: Handed): Request {
  const headers = new Headers(request.headers);
  headers.set("x-request-id", requestId);
  headers.delete(PRINCIPAL_HEADER);
  if (principal !== undefined) headers.set(PRINCIPAL_HEADER, JSON.stringify(principal));
  return new Request(request, { headers });
}
