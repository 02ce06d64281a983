import { errorOf } from "./problem.ts";
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
}

/** What a request carries. */
export interface RequestInput {
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it comes. */
  readonly stream?: ReadableStream<Uint8Array>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An agentd, over HTTP. Problem documents become errors with their code. */
export interface Client {
  readonly url: string;
  get<T>(path: string): Promise<T>;
  /** A list, or a page of one. */
  page<T>(path: string): Promise<Page<T>>;
  post<T>(path: string, input?: RequestInput): Promise<T>;
  patch<T>(path: string, input?: RequestInput): Promise<T>;
  delete(path: string): Promise<void>;
  /** What comes, as it comes, of this media type. */
  bytes(path: string, type: string): Promise<ReadableStream<Uint8Array>>;
  /** Server-sent events until the connection ends. */
  stream(path: string, after: string | undefined): AsyncIterable<ServerEvent>;
}

/** @throws UNREACHABLE when agentd does not answer */
export function createClient({ url, token }: Connection): Client {
  const call = async (
    method: string,
    path: string,
    input: RequestInput = {},
  ): Promise<Response> => {
    const headers: Record<string, string> = { authorization: `Bearer ${token}`, ...input.headers };
    // A redirection would have the token go where nobody sent it.
    const init: RequestInit = { method, headers, redirect: "manual" };
    if (input.body !== undefined) {
      headers["content-type"] = "application/json";
      init.body = JSON.stringify(input.body);
    }
    const sent = input.stream?.getReader();
    if (sent !== undefined) Object.assign(init, { body: unread(sent), duplex: "half" });
    let response: Response;
    try {
      response = await fetch(`${url}${path}`, init);
    } catch (error) {
      throw unreachable(url, error);
    } finally {
      // Whoever has answered, or is gone, wants no more of it, and who made it has to know.
      void sent?.cancel().catch(() => undefined);
    }
    if (!response.ok) throw await problemOf(url, response);
    return response;
  };
  const json = async <T>(response: Promise<Response>): Promise<T> => {
    const answer = await response;
    let text: string;
    try {
      text = await answer.text();
    } catch (error) {
      throw unreachable(url, error);
    }
    if (answer.status === 204) return undefined as T;
    if (!hasType(answer, "application/json")) throw stranger(url, "something that is no JSON");
    try {
      return JSON.parse(text) as T;
    } catch {
      throw stranger(url, "broken JSON");
    }
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
    patch: (path, input) => json(call("PATCH", path, input)),
    delete: async (path) => {
      await call("DELETE", path);
    },
    async bytes(path, type) {
      const response = await call("GET", path);
      if (!hasType(response, type) || response.body === null) {
        throw stranger(url, `nothing of type ${type}`);
      }
      return response.body;
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
        throw unreachable(url, error);
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

async function problemOf(url: string, response: Response): Promise<OpenAgentsError> {
  const error = errorOf(await response.json().catch(() => undefined));
  if (error === undefined) return stranger(url, String(response.status));
  if (response.status !== 401) return error;
  return new OpenAgentsError(
    "DENIED",
    `Cannot use agentd at ${url}: the token is wrong: give the one of its data directory with --data DIR, --token TOKEN or OPENAGENTS_TOKEN`,
  );
}
