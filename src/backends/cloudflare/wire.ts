import { OpenAgentsError } from "../../core/errors.ts";
import type { ErrorCode } from "../../core/errors.ts";
import { HTTP_STATUS } from "../../control/http-status.ts";
import { HttpError, problemResponse } from "../../control/problem.ts";
import type { ObjectNamespace } from "./platform.ts";

// How the Worker and its objects call each other: a POST to `/~/METHOD` with JSON in and out, errors
// as the control API has them. The gateway passes on no path that begins so.

const PREFIX = "/~/";
/** The header of an answer by an object that does not have the agent it was asked for. */
export const NOT_HERE = "x-openagents-not-here";

/** What an object can be called for: JSON in, JSON out. */
export type Methods = Readonly<Record<string, (input: never) => Promise<unknown>>>;

/** Calls a method of the object with this name. Rejects with what the method threw. */
export async function call<T>(
  namespace: ObjectNamespace,
  name: string,
  { method, input }: { readonly method: string; readonly input: unknown },
): Promise<T> {
  const request = new Request(`http://object${PREFIX}${method}`, {
    method: "POST",
    body: JSON.stringify(input),
  });
  const response = await reach(namespace, name, request);
  const output = (await response.json()) as { readonly code?: ErrorCode; readonly detail?: string };
  if (response.ok) return output as T;
  throw new OpenAgentsError(output.code ?? "STORE", output.detail ?? "Cannot read answer");
}

/** Answers a call; undefined for a request that is none. */
export async function answer(request: Request, methods: Methods): Promise<Response | undefined> {
  const { pathname } = new URL(request.url);
  if (!pathname.startsWith(PREFIX)) return undefined;
  const method = methods[pathname.slice(PREFIX.length)];
  try {
    if (method === undefined) throw new OpenAgentsError("INVALID", `There is no "${pathname}"`);
    const output = await method((await request.json()) as never);
    return Response.json(output ?? null);
  } catch (error) {
    return problemResponse(error);
  }
}

/** Passes a request to the object with this name. Rejects with an error that says what became of it. */
export async function reach(
  namespace: ObjectNamespace,
  name: string,
  request: Request,
): Promise<Response> {
  try {
    return await namespace.get(namespace.idFromName(name)).fetch(request);
  } catch (cause) {
    throw lost(cause);
  }
}

/** What the platform says when it ends an object, and what that means. */
const ENDS: readonly (readonly [text: RegExp, code: ErrorCode, help: string])[] = [
  [
    /cpu/i,
    "LIMIT",
    'its code used more CPU time than the platform allows: do less in one tick, or raise "limits.cpu_ms" in wrangler.jsonc',
  ],
  [
    /memory/i,
    "LIMIT",
    "its code used more memory than the platform allows, 128 MB: hold less at once",
  ],
  [/overloaded/i, "BUSY", "it has more requests than it can take: send again a little later"],
];

/** The error for an object that ended in the middle of a request: it was begun or not, nobody knows. */
function lost(cause: unknown): HttpError {
  const text = cause instanceof Error ? cause.message : String(cause);
  const [, code, help] = ENDS.find(([pattern]) => pattern.test(text)) ?? [
    undefined,
    "UNREACHABLE" as const,
    "it ended in the middle: send again, with the same id for what must happen once",
  ];
  const status = code === "UNREACHABLE" ? HTTP_STATUS.STORE : 503;
  return new HttpError(status, code, `Cannot reach the agent: ${help} (${text})`, {
    "retry-after": "1",
  });
}
