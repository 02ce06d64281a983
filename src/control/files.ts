import type { Context } from "hono";
import { OpenAgentsError, errorInfo } from "../core/errors.ts";
import { FileError } from "../core/file-error.ts";
import type { FileService, FileStat, WriteOptions } from "../core/ports/index.ts";
import { able } from "../core/able.ts";
import { failed } from "../vfs/failed.ts";
import { contentFacts } from "../vfs/nodes.ts";
import { normalPath, parentOf } from "../vfs/path.ts";
import type { ControlOptions } from "./api.ts";
import { BODY_PACE } from "./body.ts";
import { byteRange } from "./byte-range.ts";
import type { ByteRange } from "./byte-range.ts";
import { fileRevisions, fileTag } from "./etag.ts";
import { liveBody } from "./live-body.ts";
import type { ControlEnv } from "./operation.ts";
import { HttpError } from "./problem.ts";
import { readRaw } from "./raw-body.ts";
import { encodePath } from "./tree-address.ts";
import type { TreeAddress } from "./tree-address.ts";

/** A file that a request is about. */
export interface Target extends TreeAddress {
  readonly files: FileService;
  /** The address of what has this path. */
  readonly address: (path: string) => string;
  /** True while whoever asks may. */
  readonly mayGoOn: () => boolean | Promise<boolean>;
  readonly options: ControlOptions;
  readonly c: Context<ControlEnv>;
}

/** The most bytes of a body for a file that sets no limit of its own. */
const MOST = 33_554_432;
/** A body comes with at least so many bytes in a millisecond, once its time as a small one is up. */
const SLOWEST = 64;
/** Files above this are read in pieces. */
const PIECE = 1_048_576;

const encoder = new TextEncoder();

export interface GetQuery {
  readonly stat: boolean;
  readonly watch: boolean;
  readonly cursor: string | undefined;
  readonly limit: number;
}

/** Gives a file, a directory, a stream, what is known of one, or what changes there. */
export async function getFile(target: Target, query: GetQuery): Promise<Response> {
  const { files, path, slash, c } = target;
  if (query.watch) return watchFile(target);
  if (query.stat) return c.json(await files.stat(path));
  const found = await reached(files, path);
  const { stat } = found;
  if (stat.kind === "directory") return listDirectory({ ...target, path: found.path }, query);
  if (slash) throw failed("ENOTDIR", "list", path, "it is a file");
  const ranged = c.req.header("range") !== undefined;
  if (stat.nature === "stream" && !ranged && c.req.method === "GET") {
    const follow = able(files, "follow", path);
    const body = await liveBody((signal) => follow(found.path, signal), live(target));
    return c.body(body, 200, {
      ...LIVE,
      "content-type": stat.type ?? "application/x-ndjson",
      "accept-ranges": "bytes",
    });
  }
  return sendFile({ ...target, path: found.path }, stat);
}

/** What every answer has that goes on. */
const LIVE = { "cache-control": "no-store", "x-accel-buffering": "no" };

function live({ options, mayGoOn }: Target): Omit<Parameters<typeof liveBody>[1], "comment"> {
  return { signal: options.stopping, mayGoOn };
}

async function watchFile(target: Target): Promise<Response> {
  const { files, path, c } = target;
  async function* events(signal: AbortSignal): AsyncIterable<Uint8Array> {
    for await (const changed of files.watch(path, signal)) {
      yield encoder.encode(`event: change\ndata: ${JSON.stringify({ path: changed })}\n\n`);
    }
  }
  if (c.req.method === "HEAD") return c.body(null);
  const comment = encoder.encode(":\n\n");
  const body = await liveBody(events, { ...live(target), comment });
  return c.body(body, 200, { ...LIVE, "content-type": "text/event-stream" });
}

/** What a path leads to, through links. @throws ELOOP */
async function reached(
  files: FileService,
  path: string,
): Promise<{ readonly path: string; readonly stat: FileStat }> {
  let at = path;
  for (let links = 0; links < 9; links += 1) {
    const stat = await files.stat(at);
    if (stat.kind !== "link" || stat.target === undefined) return { path: at, stat };
    const from = stat.target.startsWith("/") ? "" : parentOf(at);
    // A link may go up; its root is the root of the tree.
    const parts: string[] = [];
    for (const part of `${from}/${stat.target}`.split("/")) {
      if (part === "..") parts.pop();
      else parts.push(part);
    }
    at = normalPath(`/${parts.join("/")}`);
  }
  throw failed("ELOOP", "open", path, "it leads through too many links");
}

async function listDirectory(
  { files, path, address, c }: Target,
  { cursor, limit }: GetQuery,
): Promise<Response> {
  const page = await files.list(path, { cursor, limit });
  c.header("vary", "Accept", { append: true });
  if (page.cursor !== undefined) {
    const next = `?limit=${limit}&cursor=${encodeURIComponent(page.cursor)}`;
    c.header("link", `<${address(path)}${next}>; rel="next"`);
  }
  if (/\bapplication\/(?:[\w.+-]+\+)?json\b/i.test(c.req.header("accept") ?? "")) {
    return c.json(page);
  }
  const lines = page.items.map(({ name, kind }) => `${name}${kind === "directory" ? "/" : ""}\n`);
  return c.text(lines.join(""));
}

/** What is known of a file, and of it what was read to answer. */
interface Opened {
  readonly stat: FileStat;
  readonly tag: string | undefined;
  readonly size: number | undefined;
  readonly range: ByteRange | "none" | undefined;
  readonly body: Uint8Array | ReadableStream<Uint8Array> | null;
}

async function sendFile(target: Target, stat: FileStat): Promise<Response> {
  const { c, path } = target;
  const { tag, size, range, body, stat: seen } = await open(target, stat);
  if (range === "none") {
    const has = size === undefined ? "no bytes there" : `${size} bytes`;
    throw new HttpError(416, "INVALID", `Cannot read "${path}": it has ${has}`, {
      ...(size !== undefined && { "content-range": `bytes */${size}` }),
    });
  }
  const headers: Record<string, string> = {
    "content-type": seen.type ?? "application/octet-stream",
    "accept-ranges": "bytes",
    // What an agent has written must not run as a page of the API's own.
    "x-content-type-options": "nosniff",
    "content-security-policy": "sandbox",
    "cache-control": "no-cache",
    ...(tag !== undefined && { etag: tag }),
    ...(seen.modifiedAt !== undefined && {
      "last-modified": new Date(seen.modifiedAt).toUTCString(),
    }),
  };
  if (hasTag(c.req.header("if-none-match"), tag)) return c.body(null, 304, headers);
  const length = range?.length ?? size;
  if (length !== undefined) headers["content-length"] = String(length);
  if (range === undefined) return c.body(body as ReadableStream<Uint8Array>, 200, headers);
  const end = range.offset + range.length - 1;
  headers["content-range"] = `bytes ${range.offset}-${end}/${size ?? "*"}`;
  return c.body(body as ReadableStream<Uint8Array>, 206, headers);
}

/** Reads what is to be sent: as one, when it is short, and at one revision. */
async function open(target: Target, first: FileStat): Promise<Opened> {
  const { files, path, c } = target;
  const isHead = c.req.method === "HEAD";
  let stat = first;
  for (let tries = 0; ; tries += 1) {
    const tag = stat.revision === undefined ? undefined : fileTag(stat.revision);
    const known = stat.nature === "stream" ? undefined : stat.size;
    const asked =
      isHead || !heeds(c.req.header("if-range"), tag) ? undefined : c.req.header("range");
    const range = known === undefined ? undefined : byteRange(asked, known);
    const opened = { stat, tag, size: known, range, body: null };
    if (isHead || range === "none" || hasTag(c.req.header("if-none-match"), tag)) return opened;
    if (known === undefined) return openUnsized(target, opened, asked);
    if ((range?.length ?? known) > PIECE) {
      return { ...opened, body: pieces(files, path, stat, range ?? { offset: 0, length: known }) };
    }
    const bytes = await files.read(path, range);
    const hash = contentFacts(bytes).revision;
    // What was stored while it was read has another tag.
    const sure = stat.revision === undefined || stat.revision === hash;
    const now = sure ? stat : await files.stat(path);
    if (now.revision !== stat.revision && tries < 3) {
      stat = now;
      continue;
    }
    const same = now.revision === stat.revision ? tag : undefined;
    if (range === undefined)
      return { ...opened, size: bytes.byteLength, tag: same ?? fileTag(hash), body: bytes };
    const { byteLength: length } = bytes;
    const part = length === 0 ? "none" : { ...range, length };
    return { ...opened, tag: same, range: part, body: bytes };
  }
}

/** Opens what shows how long it is only at its end: no more of it is read at once than is asked for. */
async function openUnsized(
  { files, path }: Target,
  opened: Opened,
  asked: string | undefined,
): Promise<Opened> {
  const [, from, last = ""] = /^bytes=(\d{1,15})-(\d{0,15})$/i.exec(asked?.trim() ?? "") ?? [];
  const offset = Number(from ?? 0);
  const end = last === "" ? Number.POSITIVE_INFINITY : Number(last) + 1;
  if (from !== undefined && end > offset) {
    const part = end < Number.POSITIVE_INFINITY ? { offset, length: end - offset } : { offset };
    const body = await files.read(path, part);
    const { byteLength: length } = body;
    if (length === 0) return { ...opened, range: "none" };
    const size = offset + length < end ? offset + length : undefined;
    return { ...opened, size, range: { offset, length }, body };
  }
  const isSuffix = /^bytes=-\d+$/i.test(asked?.trim() ?? "");
  const body = await files.read(path, isSuffix ? undefined : { offset: 0, length: PIECE });
  const { byteLength: size } = body;
  if (!isSuffix && size === PIECE) return { ...opened, body: allAfter(files, path, body) };
  const { revision } = opened.stat;
  const isSame = revision === undefined || (await files.stat(path)).revision === revision;
  const tag = (isSame ? opened.tag : undefined) ?? fileTag(contentFacts(body).revision);
  const range = byteRange(asked, size);
  if (range === undefined || range === "none") return { ...opened, tag, size, range, body };
  const { offset: at, length } = range;
  return { ...opened, tag, size, range, body: body.subarray(at, at + length) };
}

/** All of a file of which nobody knows where it ends, from its first piece on. */
function allAfter(files: FileService, path: string, first: Uint8Array): ReadableStream<Uint8Array> {
  let next: Uint8Array | undefined = first;
  let at = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const bytes = next ?? (await files.read(path, { offset: at, length: PIECE }));
        next = undefined;
        at += bytes.byteLength;
        if (bytes.byteLength > 0) controller.enqueue(bytes);
        if (bytes.byteLength < PIECE) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}

/** A part of a file, piece by piece. It breaks off when the file becomes another one. */
function pieces(
  files: FileService,
  path: string,
  first: FileStat,
  { offset, length }: ByteRange,
): ReadableStream<Uint8Array> {
  let at = offset;
  const end = offset + length;
  const isSame = async (): Promise<boolean> => {
    if (first.revision === undefined) return true;
    const { revision, size = 0 } = await files.stat(path);
    // A record that nobody can write is the same up to where it was before it grew.
    return revision === first.revision || (first.access === "r" && size > first.size!);
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const wanted = Math.min(PIECE, end - at);
        const bytes = await files.read(path, { offset: at, length: wanted });
        if (bytes.byteLength < wanted || !(await isSame())) {
          throw failed("ESTALE", "read on in", path, "it has changed");
        }
        at += wanted;
        controller.enqueue(bytes);
        if (at === end) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}

/** True when an `If-None-Match` has this tag, or any does. */
function hasTag(header: string | undefined, tag: string | undefined): boolean {
  if (header === undefined) return false;
  if (header.trim() === "*") return true;
  return tag !== undefined && header.match(/"[^"]*"/g)?.some((one) => one === tag) === true;
}

/** True unless an `If-Range` asks for another state of the file than this. A date is never sure enough. */
function heeds(header: string | undefined, tag: string | undefined): boolean {
  return header === undefined || (tag !== undefined && header.trim() === tag);
}

/** Writes a file, a part of it at an offset, or makes a directory. */
export async function putFile(
  target: Target,
  { offset }: { readonly offset: number | undefined },
): Promise<Response> {
  if (target.slash) {
    unconditional(target.c);
    await able(target.files, "makeDirectory", target.path)(target.path);
    return created(target, target.path);
  }
  return write(target, await find(target), offset);
}

export interface PostQuery {
  readonly to: string | undefined;
  readonly size: number | undefined;
  readonly as: "append" | "exchange" | undefined;
}

/** Adds to a file or a directory, asks a file that answers, renames or resizes. */
export async function postFile(target: Target, { to, size, as }: PostQuery): Promise<Response> {
  const { files, path, c } = target;
  if (c.req.header("idempotency-key") !== undefined) {
    const problem = `Cannot POST "${path}" with "Idempotency-Key": it is not heeded here: send without`;
    throw new OpenAgentsError("INVALID", problem);
  }
  if (to !== undefined || size !== undefined) {
    unconditional(c);
    if (to !== undefined) await files.rename(path, normalPath(to));
    else await able(files, "resize", path)(path, size!);
    return c.body(null, 204);
  }
  const stat = await find(target);
  const asks = as === "exchange" || (as === undefined && stat?.nature === "exchange");
  if (!asks) return write(target, stat, "end");
  unconditional(c);
  const exchange = able(files, "exchange", path);
  const answer = await exchange(path, await bodyOf(target, stat));
  return c.body(answer as Uint8Array<ArrayBuffer>, 200, {
    "content-type": stat?.type ?? "application/octet-stream",
    "cache-control": "no-store",
  });
}

/** Removes a file, or an empty directory. */
export async function deleteFile({ files, path, c }: Target): Promise<Response> {
  await files.remove(path);
  return c.body(null, 204);
}

/** What is to be written to; undefined where there is nothing yet. */
async function find({ files, path }: Target): Promise<FileStat | undefined> {
  try {
    return await files.stat(path);
  } catch (error) {
    if (errorInfo(error).code === "NOT_FOUND") return undefined;
    throw error;
  }
}

/** The lowest directory above a path that is there: what is made below it has its limit. */
async function above({ files, path }: Target): Promise<FileStat> {
  for (let directory = parentOf(path); ; directory = parentOf(directory)) {
    try {
      return await files.stat(directory);
    } catch (error) {
      if (errorInfo(error).code !== "NOT_FOUND" || directory === "/") throw error;
    }
  }
}

async function write(
  target: Target,
  stat: FileStat | undefined,
  at: WriteOptions["at"],
): Promise<Response> {
  const { files, path, c } = target;
  const [ifMatch, ifNone] = [c.req.header("if-match"), c.req.header("if-none-match")];
  if (ifNone !== undefined && ifNone.trim() !== "*") {
    const problem = `Cannot write "${path}": of "If-None-Match" only * is heeded here`;
    throw new OpenAgentsError("INVALID", problem);
  }
  const there = ifMatch?.trim() === "*";
  const options: WriteOptions = {
    at,
    ifMatch: fileRevisions(ifMatch),
    ...(there && { create: "never" }),
    ...(ifNone !== undefined && { create: "only" }),
    type: c.req.header("content-type")?.split(";")[0]?.trim().toLowerCase(),
  };
  const room = stat ?? (await above(target));
  const data = await bodyOf(target, room);
  const unmet = (errno: string): boolean =>
    (there && errno === "ENOENT") || (ifNone !== undefined && errno === "EEXIST");
  try {
    const written = await files.write(path, data, options);
    if (stat === undefined || written.path !== path) return created(target, written.path);
    return c.body(null, 204);
  } catch (error) {
    // A condition of HTTP that is not met.
    if (!(error instanceof FileError) || !unmet(error.errno)) throw error;
    throw new FileError("ESTALE", error.message, { cause: error });
  }
}

function created({ address, c }: Target, path: string): Response {
  return c.json({ path }, 201, { location: address(path) });
}

/** A request's body. @throws EFBIG (413), before it is read when it says itself how large it is */
async function bodyOf(
  { c, options, path }: Target,
  stat: FileStat | undefined,
): Promise<Uint8Array> {
  const bytes = stat?.limit ?? MOST;
  const { clock, time } = options.bodyPace ?? BODY_PACE;
  const size = Math.min(bytes, Number(c.req.header("content-length") ?? bytes) || 0);
  try {
    return await readRaw(c.req.raw, {
      clock,
      bytes,
      setBy: `the limit of "${path}"`,
      time: time + size / SLOWEST,
    });
  } catch (error) {
    const { code, message } = errorInfo(error);
    throw code === "LIMIT" ? new FileError("EFBIG", message) : error;
  }
}

/** Whoever asks for something under a condition must not have it without. @throws INVALID */
function unconditional(c: Context<ControlEnv>): void {
  for (const name of ["if-match", "if-none-match"]) {
    if (c.req.header(name) === undefined) continue;
    const problem = `Cannot ${c.req.method} "${c.req.path}" with "${name}": it is not heeded here`;
    throw new OpenAgentsError("INVALID", problem);
  }
}

/** The address of a path of the tree of a whole home. */
export function homeAddress(path: string): string {
  return `/fs${encodePath(path)}`;
}
