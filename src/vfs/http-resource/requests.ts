import { OpenAgentsError } from "../../core/errors.ts";
import { FileError } from "../../core/file-error.ts";
import { isPublicHost } from "../../core/public-address.ts";
import { failed } from "../failed.ts";
import { letGo } from "./answers.ts";

/** Sends a request, as `fetch` does. */
export type Fetcher = (
  url: string,
  init: {
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: Uint8Array<ArrayBuffer>;
    readonly redirect: "manual";
    readonly signal: AbortSignal;
  },
) => Promise<Response>;

/** A request for what stands at a path. */
export interface Asking {
  readonly verb: string;
  readonly path: string;
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | undefined;
}

export interface RequestsOptions {
  readonly fetcher: Fetcher;
  readonly allowPrivate: boolean;
  /** ms. */
  readonly timeout: number;
}

const REDIRECTIONS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** How often one request may be sent elsewhere. */
const MOST_REDIRECTIONS = 5;

/** Requests to one origin and to no other. */
export class Requests {
  readonly #options: RequestsOptions;

  constructor(options: RequestsOptions) {
    this.#options = options;
  }

  /**
   * Sends a request, and hands the answer to `use`: both together take no longer than the time there is.
   * A reading request is sent on where the server says, within its origin.
   * @throws EACCES for an address that is not public, or that a redirection to elsewhere leads to;
   * ETIMEDOUT; EHOSTUNREACH
   */
  async ask<T>(asking: Asking, use: (response: Response, url: string) => Promise<T>): Promise<T> {
    const { verb, path } = asking;
    const ends = new AbortController();
    let isLate = false;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      isLate = true;
      ends.abort();
      late.reject(failed("ETIMEDOUT", verb, path, "the server takes too long"));
    }, this.#options.timeout);
    late.promise.catch(() => undefined);
    try {
      return await Promise.race([this.#follow(asking, ends.signal, use), late.promise]);
    } catch (error) {
      if (error instanceof OpenAgentsError) throw error;
      if (isLate) return await late.promise;
      throw new FileError(
        "EHOSTUNREACH",
        `Cannot ${verb} "${path}": ${new URL(asking.url).origin} cannot be reached`,
        { cause: error },
      );
    } finally {
      clearTimeout(timer);
      ends.abort();
    }
  }

  async #follow<T>(
    asking: Asking,
    signal: AbortSignal,
    use: (response: Response, url: string) => Promise<T>,
  ): Promise<T> {
    const { verb, path, method, headers = {}, body } = asking;
    const { origin } = new URL(asking.url);
    let { url } = asking;
    for (let left = MOST_REDIRECTIONS; ; left -= 1) {
      if (!this.#options.allowPrivate && !isPublicHost(new URL(url).hostname)) {
        throw failed("EACCES", verb, path, "its address is not one of the public internet");
      }
      const response = await this.#options.fetcher(url, {
        method,
        headers,
        redirect: "manual",
        signal,
        ...(body !== undefined && { body: body as Uint8Array<ArrayBuffer> }),
      });
      const to = REDIRECTIONS.has(response.status) ? response.headers.get("location") : null;
      if (to === null) return use(response, url);
      letGo(response);
      const next = URL.canParse(to, url) ? new URL(to, url) : undefined;
      // What is above the origin is somebody else's, and whoever writes says where.
      const isReading = method === "GET" || method === "HEAD";
      if (!isReading || next?.origin !== origin || next.username !== "" || next.password !== "") {
        throw failed("EACCES", verb, path, "the server sends the request elsewhere");
      }
      if (left === 0) throw failed("ELOOP", verb, path, "the server sends it on and on");
      next.hash = "";
      url = next.href;
    }
  }
}
