import { once } from "node:events";
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { arrayBuffer } from "node:stream/consumers";
import { errnoOf } from "../../src/core/file-error.ts";
import type { FileService, FileStat } from "../../src/core/ports/index.ts";

/** A real server of files, and what it was asked. */
export interface FileServer {
  /** Where its root is; ends in "/". */
  readonly url: string;
  /** Each request as `METHOD path?query`. */
  readonly asked: string[];
  readonly headers: IncomingMessage["headers"][];
  close(): Promise<void>;
}

export interface FileServerOptions {
  /** Lists directories and gives stats, as a home does. */
  readonly isHome?: boolean;
  /** Answers instead, when it does. */
  readonly first?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

/** Serves files as common servers do: HEAD, ranges, tags, conditions, PUT and DELETE. */
export async function fileServer(
  files: FileService,
  { isHome = false, first }: FileServerOptions = {},
): Promise<FileServer> {
  const asked: string[] = [];
  const headers: IncomingMessage["headers"][] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    headers.push(request.headers);
    if (first?.(request, response) === true) return;
    answer(files, isHome, request, response).catch((error: unknown) => {
      const errno = errnoOf(error);
      const status = { ENOENT: 404, EACCES: 403, EFBIG: 413, ESTALE: 412 }[errno as string] ?? 400;
      const type = isHome ? "application/problem+json" : "text/html";
      response.writeHead(status, { "content-type": type });
      response.end(isHome ? JSON.stringify({ errno }) : "<h1>no</h1>");
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/files/`,
    asked,
    headers,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

async function answer(
  files: FileService,
  isHome: boolean,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, searchParams } = new URL(request.url ?? "", "http://files");
  const parts = pathname.replace(/^\/files\//, "").split("/");
  const hasSlash = pathname.endsWith("/");
  const path = `/${parts
    .filter((part) => part !== "")
    .map(decodeURIComponent)
    .join("/")}`;
  const body = new Uint8Array(await arrayBuffer(request));
  const json = (what: unknown): void => {
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(what));
  };
  const stat = await files.stat(path).catch(() => undefined);
  if (isHome && searchParams.get("stat") === "1") return json(await files.stat(path));
  if (request.method === "PUT") return put(files, path, { stat, body, request, response });
  if (request.method === "DELETE") {
    await files.remove(path);
    return void response.writeHead(204).end();
  }
  if (stat === undefined) return void (await files.stat(path));
  if (stat.kind === "directory" || (hasSlash && isHome)) {
    if (isHome && request.headers.accept === "application/json") {
      const limit = Number(searchParams.get("limit"));
      const cursor = searchParams.get("cursor") ?? undefined;
      return json(await files.list(path, { limit, cursor }));
    }
    if (isHome) return void response.writeHead(200).end("a\nb\n");
    if (!hasSlash) return void response.writeHead(301, { location: `${pathname}/` }).end();
    return void response.writeHead(200, { "content-type": "text/html" }).end("<h1>files</h1>");
  }
  await send(files, path, { stat, request, response });
}

async function put(
  files: FileService,
  path: string,
  {
    stat,
    body,
    request,
    response,
  }: {
    stat: FileStat | undefined;
    body: Uint8Array;
    request: IncomingMessage;
    response: ServerResponse;
  },
): Promise<void> {
  const { "if-match": match, "if-none-match": none } = request.headers;
  const tags = match?.split(", ") ?? [];
  const fits = match === "*" ? stat !== undefined : tags.includes(`"${stat?.revision}"`);
  if ((match !== undefined && !fits) || (none === "*" && stat !== undefined)) {
    return void response.writeHead(412).end();
  }
  await files.write(path, body);
  response.writeHead(stat === undefined ? 201 : 204).end();
}

async function send(
  files: FileService,
  path: string,
  {
    stat,
    request,
    response,
  }: { stat: FileStat; request: IncomingMessage; response: ServerResponse },
): Promise<void> {
  const all = await files.read(path);
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "");
  const from = Number(range?.[1] ?? 0);
  const to = Math.min(Number(range?.[2] || all.byteLength) + 1, all.byteLength);
  const tags = { etag: `"${stat.revision}"`, "accept-ranges": "bytes" };
  const modified = { "last-modified": new Date(stat.modifiedAt ?? 0).toUTCString() };
  if (range !== null && from >= all.byteLength) {
    return void response.writeHead(416, { "content-range": `bytes */${all.byteLength}` }).end();
  }
  const part = all.subarray(from, range === null ? undefined : to);
  response.writeHead(range === null ? 200 : 206, {
    ...tags,
    ...modified,
    "content-type": "text/plain",
    "content-length": part.byteLength,
    ...(range !== null && { "content-range": `bytes ${from}-${to - 1}/${all.byteLength}` }),
  });
  response.end(request.method === "HEAD" ? undefined : part);
}
