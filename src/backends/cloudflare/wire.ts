import { OpenAgentsError } from "../../core/errors.ts";
import type { ErrorCode } from "../../core/errors.ts";
import { HTTP_STATUS } from "../../control/http-status.ts";
import { errorOf, HttpError, problemResponse } from "../../control/problem.ts";
import type { ObjectNamespace } from "./platform.ts";

// How the Worker and its objects call each other: a POST to `/~/METHOD` with JSON in and out, errors
// as the control API has them. The gateway passes on no path that begins so.

const PREFIX = "/~/";
/** What an object can be called for: JSON in, with a stream where there is one, and JSON out. */
export type Methods = Readonly<
  Record<string, (input: never, stream: ReadableStream<Uint8Array>) => Promise<unknown>>
>;

/** What an object is called with: JSON, and beside it a stream where the method takes one. */
export interface Call {
  readonly method: string;
  readonly input: unknown;
  readonly stream?: ReadableStream<Uint8Array>;
}

/** Calls a method of the object with this name. Rejects with what the method threw. */
export async function call<T>(
  namespace: ObjectNamespace,
  name: string,
  { method, input, stream }: Call,
): Promise<T> {
  const json = JSON.stringify(input);
  const address = `http://object${PREFIX}${method}`;
  const request =
    stream === undefined
      ? new Request(address, { method: "POST", body: json })
      : new Request(`${address}?input=${encodeURIComponent(json)}`, {
          method: "POST",
          body: stream,
        });
  const response = await reach(namespace, name, request);
  const output: unknown = await response.json();
  if (response.ok) return output as T;
  throw errorOf(output) ?? new OpenAgentsError("STORE", "Cannot read answer");
}

/** Answers a call; undefined for a request that is none. */
export async function answer(request: Request, methods: Methods): Promise<Response | undefined> {
  if (!isCall(request)) return undefined;
  const { searchParams } = new URL(request.url);
  const name = methodOf(request);
  const method = Object.hasOwn(methods, name) ? methods[name] : undefined;
  try {
    if (method === undefined) throw new OpenAgentsError("INVALID", `There is no method "${name}"`);
    const input = searchParams.get("input");
    const output =
      input === null
        ? await method((await request.json()) as never, new ReadableStream())
        : await method(JSON.parse(input) as never, request.body ?? new ReadableStream());
    return Response.json(output ?? null);
  } catch (error) {
    return problemResponse(error);
  }
}

/** True for a call, and not a request that comes from outside. */
export function isCall({ url }: Request): boolean {
  return new URL(url).pathname.startsWith(PREFIX);
}

/** The method of a call. */
export function methodOf({ url }: Request): string {
  return new URL(url).pathname.slice(PREFIX.length);
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
