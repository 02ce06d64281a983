import { isRef } from "../core/agent.ts";
import { errorInfo, OpenAgentsError } from "../core/errors.ts";
import { errnoOf, FileError } from "../core/file-error.ts";
import type { FileService, FileStat, Page, WriteOptions, Written } from "../core/ports/index.ts";
import { boundsOf } from "../vfs/asked.ts";
import { failed, missing } from "../vfs/failed.ts";
import { checkName, joinPath, normalPath, pathWithin, partsOf } from "../vfs/path.ts";
import { createClient } from "./client.ts";
import type { Client, Connection, RequestInput } from "./client.ts";
import { fileTag } from "./etag.ts";
import { parseEvents } from "./events.ts";
import { withRequestId } from "./problem.ts";
import { encodePath } from "./tree-address.ts";

/**
 * The tree of a home over HTTP, or what of it is below `/agents/<ref>`. What fails there fails here with
 * the same error, and with EHOSTUNREACH when nothing answers: a write may have been done then.
 */
export function remoteFiles(home: Client | Connection, ref?: string): FileService {
  const client = "answer" in home ? home : createClient(home);
  return new RemoteFiles(client, ref);
}

class RemoteFiles implements FileService {
  readonly #client: Client;
  readonly #ref: string | undefined;

  constructor(client: Client, ref: string | undefined) {
    this.#client = client;
    this.#ref = ref;
  }

  async stat(path: string): Promise<FileStat> {
    // In the tree of the home a name is a link to what is the root here.
    const base = this.#base();
    const isRoot = base !== "/" && normalPath(path) === "/";
    const address = isRoot ? `${encodePath(base)}/` : this.#at(path);
    return this.#json(await this.#ask("GET", `${address}?stat=1`));
  }

  async list(...[path, query = {}]: Parameters<FileService["list"]>): Promise<Page<FileStat>> {
    const { cursor, limit } = query;
    const params = new URLSearchParams();
    if (limit !== undefined) params.set("limit", String(limit));
    if (cursor !== undefined) params.set("cursor", cursor);
    const address = `${this.#at(path)}${params.size === 0 ? "" : `?${params.toString()}`}`;
    const response = await this.#ask("GET", address, { headers: { accept: "application/json" } });
    if (response.headers.get("accept-ranges") === null) return this.#json(response);
    void response.body?.cancel().catch(() => undefined);
    throw failed("ENOTDIR", "list", path, "it is a file");
  }

  async read(...[path, range = {}]: Parameters<FileService["read"]>): Promise<Uint8Array> {
    const { offset = 0, length } = range;
    boundsOf(range, 0);
    // Of a stream, only a range has an end. One byte is the least that can be asked for.
    const last = length === undefined ? "" : offset + Math.max(1, length) - 1;
    const response = await this.#ask("GET", this.#at(path), {
      headers: { range: `bytes=${offset}-${last}`, accept: "application/octet-stream" },
      but: [416],
    });
    const bytes = await this.#bytes(response);
    if (response.status === 416) return new Uint8Array(0);
    if (response.headers.get("accept-ranges") === null) {
      throw failed("EISDIR", "read", path, "it is a directory");
    }
    const from = response.status === 206 ? 0 : offset;
    return bytes.subarray(from, length === undefined ? undefined : from + length);
  }

  async write(path: string, data: Uint8Array, options: WriteOptions = {}): Promise<Written> {
    const { at, create, ifMatch, type = "application/octet-stream" } = options;
    const headers: Record<string, string> = { "content-type": type };
    if (create === "never") headers["if-match"] = "*";
    if (create === "only") headers["if-none-match"] = "*";
    // A weak tag is met by nothing, as none is.
    if (ifMatch !== undefined) {
      headers["if-match"] = [ifMatch].flat().map(fileTag).join(", ") || 'W/""';
    }
    try {
      const input = { headers, bytes: data };
      const address = this.#at(path);
      const response = await (at === "end"
        ? this.#ask("POST", `${address}?as=append`, input)
        : this.#ask("PUT", at === undefined ? address : `${address}?offset=${at}`, input));
      if (response.status !== 201) return { path: normalPath(path) };
      const written = await this.#json<Written>(response);
      return { path: this.#inner(written.path) };
    } catch (error) {
      if (errnoOf(error) !== "ESTALE" || ifMatch !== undefined || create === undefined) throw error;
      // Over HTTP it was a condition.
      const { message } = errorInfo(error);
      throw new FileError(create === "only" ? "EEXIST" : "ENOENT", message, { cause: error });
    }
  }

  async remove(path: string): Promise<void> {
    await this.#ask("DELETE", this.#at(path));
  }

  async rename(from: string, to: string): Promise<void> {
    const query = `?to=${encodeURIComponent(this.#outer(to))}`;
    await this.#ask("POST", `${this.#at(from)}${query}`);
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#ask("PUT", `${this.#at(path)}/`);
  }

  async resize(path: string, size: number): Promise<void> {
    await this.#ask("POST", `${this.#at(path)}?size=${size}`);
  }

  async exchange(path: string, data: Uint8Array): Promise<Uint8Array> {
    const headers = { "content-type": "application/octet-stream" };
    const address = `${this.#at(path)}?as=exchange`;
    return this.#bytes(await this.#ask("POST", address, { headers, bytes: data }));
  }

  async *follow(path: string, signal: AbortSignal): AsyncIterable<Uint8Array> {
    const body = await this.#live(path, "", signal);
    if (body === null) return;
    let rest = new Uint8Array(0);
    for await (const chunk of until(signal, chunksOf(body))) {
      const end = chunk.lastIndexOf(10) + 1;
      const whole = new Uint8Array(rest.byteLength + chunk.byteLength);
      whole.set(rest);
      whole.set(chunk, rest.byteLength);
      const cut = end === 0 ? 0 : rest.byteLength + end;
      rest = whole.slice(cut);
      if (cut > 0) yield whole.subarray(0, cut);
    }
  }

  async *watch(path: string, signal: AbortSignal): AsyncIterable<string> {
    const body = await this.#live(path, "?watch=1", signal);
    if (body === null) return;
    for await (const { event, data } of until(signal, parseEvents(body))) {
      if (event === "change") yield this.#inner((JSON.parse(data) as Written).path);
    }
  }

  /** What goes on until `signal` aborts; null when it has before it began. */
  async #live(
    path: string,
    query: string,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array> | null> {
    try {
      const { body, headers } = await this.#ask("GET", `${this.#at(path)}${query}`, { signal });
      if (query !== "" || headers.get("cache-control") === "no-store") return body;
      void body?.cancel().catch(() => undefined);
    } catch (error) {
      if (signal.aborted) return null;
      throw error;
    }
    throw failed("ENOTSUP", "follow", path, "it is no stream");
  }

  /** @throws FileError */
  async #ask(method: string, address: string, input: RequestInput = {}): Promise<Response> {
    const but = [...(input.but ?? []), 405];
    const response = await this.#client
      .answer(method, address, { ...input, but })
      .catch((error: unknown) => {
        throw fileError(error);
      });
    if (response.status !== 405) return response;
    void response.body?.cancel().catch(() => undefined);
    throw new FileError("EACCES", `Cannot ${method} "${address}": it is only read`);
  }

  async #bytes(response: Response): Promise<Uint8Array> {
    try {
      return new Uint8Array(await response.arrayBuffer());
    } catch (error) {
      throw lost(this.#client.url, error);
    }
  }

  async #json<T>(response: Response): Promise<T> {
    const text = new TextDecoder().decode(await this.#bytes(response));
    try {
      return JSON.parse(text) as T;
    } catch (error) {
      throw lost(this.#client.url, error);
    }
  }

  /** The address of a path. @throws EINVAL, ENAMETOOLONG; ENOENT for what can be no agent */
  #at(path: string): string {
    const outer = this.#outer(path);
    const [top, ref] = partsOf(outer);
    if (top === "agents" && ref !== undefined && !isRef(ref)) throw missing(path);
    return `/fs${encodePath(outer)}`;
  }

  /** A path of this tree, as the home has it. */
  #outer(path: string): string {
    return joinPath(this.#base(), normalPath(path));
  }

  #inner(path: string): string {
    return pathWithin(path, this.#base());
  }

  /** Where in the home's tree this one begins. @throws EINVAL for what can name no agent */
  #base(): string {
    return this.#ref === undefined ? "/" : `/agents/${checkName(this.#ref)}`;
  }
}

/** What comes until `signal` aborts, or the server ends it. @throws EHOSTUNREACH when the connection breaks */
async function* until<T>(signal: AbortSignal, source: AsyncIterable<T>): AsyncIterable<T> {
  try {
    for await (const one of source) {
      if (signal.aborted) return;
      yield one;
    }
  } catch (error) {
    if (!signal.aborted) throw lost("the server", error);
  }
}

async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncIterable<Uint8Array> {
  // Not every browser lets a stream be gone through by `for await`.
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    void reader.cancel().catch(() => undefined);
  }
}

function lost(url: string, cause: unknown): FileError {
  return new FileError("EHOSTUNREACH", `Cannot read on from ${url}: the answer broke off`, {
    cause,
  });
}

/** Whatever a call fails with, as an error of files. */
function fileError(error: unknown): unknown {
  if (error instanceof FileError || !(error instanceof OpenAgentsError)) return error;
  const same = new FileError(errnoOf(error), error.message, { cause: error });
  return withRequestId(same, error.requestId);
}
