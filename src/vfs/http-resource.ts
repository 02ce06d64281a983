import { FileError } from "../core/file-error.ts";
import { isPublicHost } from "../core/public-address.ts";
import type {
  FileListQuery,
  FileRange,
  FileService,
  FileStat,
  Page,
  WriteOptions,
  Written,
} from "../core/ports/index.ts";
import { countOf, limitOf } from "./asked.ts";
import { failed, missing } from "./failed.ts";
import { letGo, readBody, refusal } from "./http-resource/answers.ts";
import { pageOf, statOf } from "./http-resource/shown.ts";
import type { Asking, Fetcher } from "./http-resource/requests.ts";
import { Requests } from "./http-resource/requests.ts";
import type { MountKind } from "./mount-kind.ts";
import { checkName, nameOf, normalPath, partsOf } from "./path.ts";

export type { Fetcher } from "./http-resource/requests.ts";

export interface HttpResourceOptions {
  /**
   * Sends the requests. Where names can lead into a private network it has to look at what they lead to,
   * as `publicFetch` does in Node.
   */
  readonly fetcher: Fetcher;
  /** Addresses in private networks may be asked. Default false. */
  readonly allowPrivate?: boolean | undefined;
  /** How long a request may take with its answer, ms. Default 30,000. */
  readonly timeout?: number | undefined;
  /** The most bytes of one read and of one write. Default 32 MiB. */
  readonly limit?: number | undefined;
}

const DEFAULTS = { timeout: 30_000, limit: 33_554_432 } as const;

/** The kind `http`: see `httpResource`. */
export function httpKind(options: HttpResourceOptions): MountKind {
  return (source) => httpResource(source, options);
}

/**
 * What is at an address of http or https: a file or, where the address ends in "/", a directory of them,
 * of which each is fetched by its path. A directory can be listed where the server is a home of ours.
 * Nothing of this machine is sent along: no credentials, no cookies.
 * @throws EINVAL for an address that is none; EACCES for one that is not of the public internet
 */
export function httpResource(source: string, options: HttpResourceOptions): FileService {
  const url = URL.canParse(source) ? new URL(source) : undefined;
  const refuse = (why: string): never => {
    throw new FileError("EINVAL", `Cannot mount this address: ${why}`);
  };
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    return refuse("it must begin with http:// or https://");
  }
  if (url.username !== "" || url.password !== "") return refuse("it must not have a password");
  if (url.hash !== "") return refuse('it must not have a "#"');
  if (url.pathname.endsWith("/") && url.search !== "") {
    return refuse('that of a directory must not have a "?"');
  }
  if (options.allowPrivate !== true && !isPublicHost(url.hostname)) {
    throw new FileError(
      "EACCES",
      `Cannot mount ${url.origin}: its address is not one of the public internet`,
    );
  }
  return new HttpResource(url.href, options);
}

class HttpResource implements FileService {
  readonly #base: string;
  readonly #isDirectory: boolean;
  readonly #requests: Requests;
  readonly #limit: number;
  /** True when the server is a home of ours; undefined while nobody knows. */
  #isHome: boolean | undefined;

  constructor(base: string, options: HttpResourceOptions) {
    const { fetcher, allowPrivate = false } = options;
    this.#base = base;
    this.#isDirectory = new URL(base).pathname.endsWith("/");
    this.#limit = options.limit ?? DEFAULTS.limit;
    const timeout = options.timeout ?? DEFAULTS.timeout;
    this.#requests = new Requests({ fetcher, allowPrivate, timeout });
  }

  async stat(path: string): Promise<FileStat> {
    const url = this.#urlOf(path, "look at");
    if (path === "/" && this.#isDirectory) return { name: "", kind: "directory", access: "rw" };
    if (await this.#asksHome(path)) {
      const asking = { verb: "look at", path, method: "GET", url: `${url}?stat=1` };
      const stat = statOf(await this.#json(asking), nameOf(path));
      if (stat === undefined) throw failed("EIO", "look at", path, "the answer is no stat");
      return stat;
    }
    const asking = { verb: "look at", path, url, headers: PLAIN };
    const facts = await this.#requests.ask({ ...asking, method: "HEAD" }, async (response, at) => {
      letGo(response);
      if (response.status === 405 || response.status === 501) return undefined;
      return this.#headStat(response, { path, url, at });
    });
    if (facts !== undefined) return facts;
    // A server without HEAD: its answer to GET is begun, and let go.
    return this.#requests.ask({ ...asking, method: "GET" }, async (response, at) => {
      letGo(response);
      return this.#headStat(response, { path, url, at });
    });
  }

  async list(path: string, query: FileListQuery = {}): Promise<Page<FileStat>> {
    const url = this.#urlOf(path, "list");
    const limit = limitOf(query);
    if (!this.#isDirectory) throw failed("ENOTDIR", "list", path, "it is a file");
    if (!(await this.#asksHome(path))) {
      throw failed("ENOTSUP", "list", path, "its server does not say what is in it");
    }
    const search = new URLSearchParams({ limit: String(limit) });
    if (query.cursor !== undefined) search.set("cursor", query.cursor);
    const at = path === "/" ? url : `${url}/`;
    const asking = { verb: "list", path, method: "GET", url: `${at}?${search.toString()}` };
    const page = pageOf(await this.#json(asking));
    if (page === undefined) throw failed("ENOTDIR", "list", path, "it is no directory");
    return page;
  }

  async read(path: string, { offset = 0, length }: FileRange = {}): Promise<Uint8Array> {
    const url = this.#urlOf(path, "read");
    const from = countOf(offset, "offset");
    if (length !== undefined) countOf(length, "length");
    if (path === "/" && this.#isDirectory) {
      throw failed("EISDIR", "read", path, "it is a directory");
    }
    const most = Math.min(length ?? this.#limit, this.#limit);
    if (length === 0) {
      await this.stat(path);
      return new Uint8Array(0);
    }
    // Of a stream of a home, only a part has an end; and of a directory there are none.
    const isHome = await this.#asksHome(path);
    const isPart = isHome || from > 0 || length !== undefined;
    const last = length === undefined ? "" : from + length - 1;
    const headers = { ...PLAIN, ...(isPart && { range: `bytes=${from}-${last}` }) };
    const asking = { verb: "read", path, method: "GET", url, headers };
    return this.#requests.ask(asking, async (response, at) => {
      const { status } = response;
      if (status === 416) {
        letGo(response);
        return new Uint8Array(0);
      }
      if (!response.ok) throw await refusal(response, "read", path);
      if (at === `${url}/` || (isHome && response.headers.get("accept-ranges") === null)) {
        throw failed("EISDIR", "read", path, "it is a directory");
      }
      const begins = /^bytes (\d+)-/.exec(response.headers.get("content-range") ?? "")?.[1];
      // Who knows no ranges sends all of it; who sends another part is not to be trusted with any.
      if (status === 206 && (!isPart || Number(begins) !== from)) {
        throw failed("EIO", "read", path, "the server sends another part of it");
      }
      const skip = status === 206 ? 0 : from;
      const isEnough = length !== undefined && length <= most;
      const { bytes, isWhole } = await readBody(response, { skip, most, isEnough });
      if (isWhole || isEnough) return bytes;
      throw failed("EFBIG", "read", path, `it is more than the ${most} bytes of one read`);
    });
  }

  async write(path: string, data: Uint8Array, options: WriteOptions = {}): Promise<Written> {
    const { at, create, ifMatch } = options;
    const url = this.#urlOf(path, "write");
    if (path === "/" && this.#isDirectory) {
      throw failed("EISDIR", "write", path, "it is a directory");
    }
    if (at !== undefined) throw failed("ENOTSUP", "write", path, "it is written as a whole");
    if (data.byteLength > this.#limit) {
      const why = `${data.byteLength} bytes are more than the ${this.#limit} of one write`;
      throw failed("EFBIG", "write", path, why);
    }
    const headers: Record<string, string> = { "content-type": "application/octet-stream" };
    if (create === "only") headers["if-none-match"] = "*";
    if (create === "never") headers["if-match"] = "*";
    if (ifMatch !== undefined) {
      const tags = [ifMatch].flat().map((revision) => `"${revision}"`);
      headers["if-match"] = tags.join(", ") || 'W/""';
    }
    const asking = { verb: "write", path, method: "PUT", url, headers, body: data };
    return this.#requests.ask(asking, async (response) => {
      if (response.ok) {
        letGo(response);
        return { path };
      }
      if (response.status === 412 && ifMatch === undefined && create !== undefined) {
        letGo(response);
        if (create === "never") throw missing(path);
        throw failed("EEXIST", "make", path, "it is there");
      }
      throw await refusal(response, "write", path);
    });
  }

  async remove(path: string): Promise<void> {
    const url = this.#urlOf(path, "remove");
    if (path === "/") throw failed("EBUSY", "remove", path, "it is the root");
    await this.#requests.ask({ verb: "remove", path, method: "DELETE", url }, async (response) => {
      if (!response.ok) throw await refusal(response, "remove", path);
      letGo(response);
    });
  }

  async rename(from: string, to: string): Promise<void> {
    this.#urlOf(from, "move");
    this.#urlOf(to, "move");
    throw failed("ENOTSUP", "move", from, "what is at an address stays there");
  }

  // oxlint-disable-next-line require-yield
  async *watch(path: string): AsyncIterable<string> {
    throw failed("ENOTSUP", "watch", path, "its server does not say what changes");
  }

  /** @throws ENOTDIR for something below a file; EINVAL */
  #urlOf(path: string, verb: string): string {
    if (normalPath(path) !== path) throw failed("EINVAL", verb, path, "it is not normal");
    if (path === "/") return this.#base;
    if (!this.#isDirectory) throw failed("ENOTDIR", verb, path, "it is below a file");
    return this.#base + partsOf(path).map(encodePart).join("/");
  }

  /** Whether the server is a home of ours: it lists the directory that is mounted. */
  async #asksHome(path: string): Promise<boolean> {
    if (!this.#isDirectory) return false;
    if (this.#isHome !== undefined) return this.#isHome;
    const asking = { verb: "list", path, method: "GET", url: `${this.#base}?limit=1` };
    return this.#requests.ask(
      { ...asking, headers: { ...PLAIN, accept: "application/json" } },
      async (response) => {
        const isJson = response.headers.get("content-type")?.startsWith("application/json");
        if (!response.ok || isJson !== true) {
          letGo(response);
          // One that is ill says nothing of what it is.
          if (response.status < 500) this.#isHome = false;
          return false;
        }
        const { bytes, isWhole } = await readBody(response, { skip: 0, most: this.#limit });
        this.#isHome = isWhole && pageOf(parsed(bytes)) !== undefined;
        return this.#isHome;
      },
    );
  }

  async #json(asking: Asking): Promise<unknown> {
    const headers = { ...PLAIN, accept: "application/json" };
    return this.#requests.ask({ ...asking, headers }, async (response) => {
      if (!response.ok) throw await refusal(response, asking.verb, asking.path);
      const { bytes, isWhole } = await readBody(response, { skip: 0, most: this.#limit });
      return isWhole ? parsed(bytes) : undefined;
    });
  }

  async #headStat(
    response: Response,
    { path, url, at }: { readonly path: string; readonly url: string; readonly at: string },
  ): Promise<FileStat> {
    if (!response.ok) throw await refusal(response, "look at", path);
    const name = nameOf(path);
    // So servers say that it is a directory.
    if (at !== url && at === `${url}/`) return { name, kind: "directory", access: "rw" };
    const { headers } = response;
    const length = headers.get("content-length");
    const isPlain = headers.get("content-encoding") === null;
    const modified = Date.parse(headers.get("last-modified") ?? "");
    const etag = /^"([^"]*)"$/.exec(headers.get("etag") ?? "")?.[1];
    const type = headers.get("content-type");
    return {
      name,
      kind: "file",
      access: "rw",
      limit: this.#limit,
      ...(length !== null && isPlain && /^\d{1,15}$/.test(length) && { size: Number(length) }),
      ...(!Number.isNaN(modified) && { modifiedAt: modified }),
      ...(etag !== undefined && { revision: etag }),
      ...(type !== null && { type }),
    };
  }
}

/** What is asked for as it is: the bytes of a part must be those of the file. */
const PLAIN = { "accept-encoding": "identity" } as const;

/** @throws EINVAL for a name that an address has another meaning for */
function encodePart(name: string): string {
  return encodeURIComponent(checkName(name));
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}
