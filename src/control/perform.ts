import type { Context } from "hono";
import { errorInfo, OpenAgentsError } from "../core/errors.ts";
import { checkScope, isBound, mayTouch } from "./access.ts";
import type { Principal } from "./access.ts";
import type { ControlOptions } from "./api.ts";
import { checkBody, readObject } from "./body.ts";
import { documentOf } from "./openapi.ts";
import { isAboutAgent, takesKey } from "./operation.ts";
import type { Address, Answerer, Answers, ControlEnv, Operation } from "./operation.ts";
import { OPERATIONS } from "./operations.ts";
import { HttpError } from "./problem.ts";
import { agentRef } from "./query.ts";

/** @throws DENIED (403) */
export function checkScopeOf(operation: Operation, principal: Principal): void {
  const { scope, signed, bound } = operation;
  if (scope === "open" || scope === "ticket") return;
  if (signed === true && principal.scope === "send") return;
  checkScope(principal, scope);
  if (bound === true || isAboutAgent(operation) || !isBound(principal)) return;
  throw new OpenAgentsError(
    "DENIED",
    `Cannot do this as "${principal.id}": it is bound to some agents, and this is about the home`,
  );
}

/** Does what a request asks for. */
export async function perform(
  operation: Operation,
  c: Context<ControlEnv>,
  options: ControlOptions,
): Promise<Response> {
  refuseHead(operation, c);
  refuseIfMatch(operation, c);
  const { ref = "", ...params } = c.req.param() as Record<string, string>;
  const principal = c.get("principal");
  checkScopeOf(operation, principal);
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
export function once(
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
export function outOfBounds(ref: string, { id }: Principal): OpenAgentsError {
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
function refuseHead({ answers, head }: Operation, c: Context<ControlEnv>): void {
  if (c.req.method !== "HEAD" || head === true || !Object.values(answers).some(({ type }) => type))
    return;
  const problem = `Cannot HEAD "${c.req.path}": only GET is possible here`;
  throw new HttpError(405, "INVALID", problem, { allow: "GET" });
}

/** In place of a runtime where there is none: operations over the home do not ask for one. */
const NO_RUNTIME = undefined as never;
