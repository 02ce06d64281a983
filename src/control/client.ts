import { errorOf, withRequestId } from "./problem.ts";
import { OpenAgentsError } from "../core/errors.ts";
import type { Page } from "../core/ports/index.ts";
import { parseEvents } from "./events.ts";
import type { ServerEvent } from "./events.ts";
import { unread } from "./unread.ts";

/** Where the API is, and the right to use it. */
export interface Connection {
  /** With no slash at its end. */
  readonly url: string;
  readonly token: string;
  /** What carries requests: a Worker's service binding, for example. Default: the global `fetch`. */
  readonly fetcher?: ((url: string, init: RequestInit) => Promise<Response>) | undefined;
}

/** What calls have beside what they are about. */
export interface CallOptions {
  /** Ends the call: with TIMEOUT when it is one of `AbortSignal.timeout`, else with CANCELLED. */
  readonly signal?: AbortSignal | undefined;
  /** For what is to have effect once, however often it is sent. */
  readonly idempotencyKey?: string | undefined;
}

/** What a request carries. */
export interface RequestInput {
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it comes. */
  readonly stream?: ReadableStream<Uint8Array>;
  /** The same, of bytes that are all there. */
  readonly bytes?: Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** Ends this call too. */
  readonly signal?: AbortSignal;
  /** Statuses of errors that the caller deals with. */
  readonly but?: readonly number[];
}

/** An agentd, over HTTP. Problem documents become errors with their code. */
export interface Client {
  readonly url: string;
  get<T>(path: string): Promise<T>;
  /** A list, or a page of one. */
  page<T>(path: string): Promise<Page<T>>;
  post<T>(path: string, input?: RequestInput): Promise<T>;
  put<T>(path: string, input?: RequestInput): Promise<T>;
  patch<T>(path: string, input?: RequestInput): Promise<T>;
  delete(path: string, input?: RequestInput): Promise<void>;
  /** What comes, as it comes, of this media type. */
  bytes(path: string, type: string): Promise<ReadableStream<Uint8Array>>;
  /** The same as a text. */
  text(path: string, type: string): Promise<string>;
  /** An answer as it comes. */
  answer(method: string, path: string, input?: RequestInput): Promise<Response>;
  /** The status of what answers there, whatever it is. */
  probe(path: string): Promise<number>;
  /** Server-sent events until the connection ends. */
  stream(path: string, after: string | undefined): AsyncIterable<ServerEvent>;
}

/** @throws UNREACHABLE when agentd does not answer */
export function createClient(connection: Connection, options: CallOptions = {}): Client {
  const { url, token, fetcher = (to, init) => fetch(to, init) } = connection;
  const { signal, idempotencyKey } = options;
  const failed = (error: unknown): OpenAgentsError =>
    signal?.aborted === true ? givenUp(url, signal.reason) : unreachable(url, error);
  const answerTo = async (
    method: string,
    path: string,
    input: RequestInput = {},
  ): Promise<Response> => {
    const headers: Record<string, string> = { authorization: `Bearer ${token}`, ...input.headers };
    // A redirection would have the token go where nobody sent it.
    const init: RequestInit = { method, headers, redirect: "manual" };
    const ends = [signal, input.signal].filter((one) => one !== undefined);
    if (ends.length > 0) init.signal = ends.length > 1 ? AbortSignal.any(ends) : ends[0]!;
    if (idempotencyKey !== undefined && method === "POST") {
      headers["idempotency-key"] = idempotencyKey;
    }
    if (input.body !== undefined) {
      headers["content-type"] = "application/json";
      init.body = JSON.stringify(input.body);
    }
    if (input.bytes !== undefined) init.body = input.bytes as Uint8Array<ArrayBuffer>;
    const sent = input.stream?.getReader();
    if (sent !== undefined) Object.assign(init, { body: unread(sent), duplex: "half" });
    try {
      return await fetcher(`${url}${path}`, init);
    } catch (error) {
      throw failed(error);
    } finally {
      // Whoever has answered, or is gone, wants no more of it, and who made it has to know.
      void sent?.cancel().catch(() => undefined);
    }
  };
  const call = async (...request: Parameters<typeof answerTo>): Promise<Response> => {
    const response = await answerTo(...request);
    if (response.ok || request[2]?.but?.includes(response.status) === true) return response;
    throw await problemOf(url, response);
  };
  const json = async <T>(response: Promise<Response>): Promise<T> => {
    const answer = await response;
    let text: string;
    try {
      text = await answer.text();
    } catch (error) {
      throw failed(error);
    }
    if (answer.status === 204) return undefined as T;
    if (!hasType(answer, "application/json")) throw stranger(url, "something that is no JSON");
    try {
      return JSON.parse(text) as T;
    } catch {
      throw stranger(url, "broken JSON");
    }
  };
  const body = async (path: string, type: string): Promise<Response> => {
    const response = await call("GET", path);
    if (hasType(response, type) && response.body !== null) return response;
    throw stranger(url, `nothing of type ${type}`);
  };
  return {
    url,
    get: (path) => json(call("GET", path)),
    async page<T>(path: string) {
      const page = await json<Page<T> | null>(call("GET", path));
      if (!Array.isArray(page?.items)) throw stranger(url, "something that is no list");
      return page;
    },
    post: (path, input) => json(call("POST", path, input)),
    put: (path, input) => json(call("PUT", path, input)),
    patch: (path, input) => json(call("PATCH", path, input)),
    delete: async (path, input) => {
      await call("DELETE", path, input);
    },
    bytes: async (path, type) => (await body(path, type)).body!,
    async text(path, type) {
      const response = await body(path, type);
      try {
        return await response.text();
      } catch (error) {
        throw failed(error);
      }
    },
    answer: call,
    async probe(path) {
      const { status, body: rest } = await answerTo("GET", path);
      void rest?.cancel().catch(() => undefined);
      return status;
    },
    async *stream(path, after) {
      const headers: Record<string, string> = { accept: "text/event-stream" };
      if (after !== undefined) headers["last-event-id"] = after;
      const response = await call("GET", path, { headers });
      if (!hasType(response, "text/event-stream")) throw stranger(url, "no stream of events");
      const { body } = response;
      if (body === null) return;
      try {
        yield* parseEvents(body);
      } catch (error) {
        throw failed(error);
      }
    },
  };
}

function hasType(response: Response, type: string): boolean {
  return response.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase() === type;
}

function stranger(url: string, answer: string): OpenAgentsError {
  return new OpenAgentsError(
    "UNREACHABLE",
    `Cannot talk to ${url}: it answers ${answer} and is no agentd`,
  );
}

function unreachable(url: string, error: unknown): OpenAgentsError {
  const cause = (error as Error).cause ?? error;
  const why = (cause as { readonly code?: string }).code ?? (cause as Error).message;
  return new OpenAgentsError(
    "UNREACHABLE",
    `Cannot reach agentd at ${url}: ${why}: is it running? Start it with "agentd", or look with "agentctl doctor"`,
    { cause: error },
  );
}

function givenUp(url: string, reason: unknown): OpenAgentsError {
  const inTime = (reason as Error | undefined)?.name === "TimeoutError";
  return new OpenAgentsError(
    inTime ? "TIMEOUT" : "CANCELLED",
    `Cannot wait any longer for ${url}: ${inTime ? "its time is up" : "the call was given up"}`,
    { cause: reason },
  );
}

async function problemOf(url: string, response: Response): Promise<OpenAgentsError> {
  const error = errorOf(await response.json().catch(() => undefined));
  if (error === undefined) return stranger(url, String(response.status));
  if (response.status !== 401) return error;
  // How to send a token is no business of whoever calls this.
  const why = error.message
    .replace(/^Cannot let in: /, "")
    .replace(/: send "Authorization: .*$/, "");
  return withRequestId(
    new OpenAgentsError(error.code, `Cannot use agentd at ${url}: ${why}`),
    error.requestId,
  );
}
