import { isErrno } from "../../core/file-error.ts";
import type { Errno, FileError } from "../../core/file-error.ts";
import { failed, missing } from "../failed.ts";

/** What the statuses are among the errors of files; of those above 500 that are not here, EIO. */
const STATUSES: Readonly<Record<number, Errno>> = {
  400: "EINVAL",
  401: "EACCES",
  403: "EACCES",
  404: "ENOENT",
  405: "ENOTSUP",
  408: "ETIMEDOUT",
  409: "EBUSY",
  410: "ENOENT",
  411: "EINVAL",
  412: "ESTALE",
  413: "EFBIG",
  414: "ENAMETOOLONG",
  415: "EINVAL",
  422: "EINVAL",
  423: "EBUSY",
  428: "ESTALE",
  429: "EDQUOT",
  451: "EACCES",
  501: "ENOTSUP",
  502: "EHOSTUNREACH",
  503: "EHOSTUNREACH",
  504: "ETIMEDOUT",
  507: "ENOSPC",
};

/** How much of an answer that says what is wrong is read. */
const PROBLEM_BYTES = 16_384;

/** The error that an answer is which is none of success; what a home like ours says goes first. */
export async function refusal(response: Response, verb: string, path: string): Promise<FileError> {
  const { status, headers } = response;
  let errno: Errno = STATUSES[status] ?? (status >= 400 && status < 500 ? "EINVAL" : "EIO");
  if (headers.get("content-type")?.startsWith("application/problem+json") === true) {
    const said = await saidErrno(response);
    if (said !== undefined) errno = said;
  } else {
    letGo(response);
  }
  return errno === "ENOENT"
    ? missing(path)
    : failed(errno, verb, path, `the server says ${status}`);
}

async function saidErrno(response: Response): Promise<Errno | undefined> {
  try {
    const { bytes, isWhole } = await readBody(response, { skip: 0, most: PROBLEM_BYTES });
    const { errno } = JSON.parse(isWhole ? decoder.decode(bytes) : "{}") as { errno?: unknown };
    return isErrno(errno) ? errno : undefined;
  } catch {
    return undefined;
  }
}

const decoder = new TextDecoder();

/** What of a body is wanted, in bytes. */
interface Wanted {
  readonly skip: number;
  readonly most: number;
  /** Nobody asks whether there is more. */
  readonly isEnough?: boolean;
}

/** The body of an answer from `skip` on, `most` bytes at most; `isWhole` when it ended with them. */
export async function readBody(
  response: Response,
  { skip, most, isEnough = false }: Wanted,
): Promise<{ readonly bytes: Uint8Array; readonly isWhole: boolean }> {
  if (response.body === null) return { bytes: new Uint8Array(0), isWhole: true };
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  const chunks: Uint8Array[] = [];
  let passed = 0;
  let size = 0;
  let isWhole = true;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const chunk = value.subarray(Math.min(value.byteLength, Math.max(0, skip - passed)));
    passed += value.byteLength;
    const wanted = chunk.subarray(0, most - size);
    if (wanted.byteLength > 0) chunks.push(wanted);
    size += wanted.byteLength;
    if (wanted.byteLength === chunk.byteLength && !(isEnough && size === most)) continue;
    isWhole = false;
    void reader.cancel().catch(() => undefined);
    break;
  }
  const bytes = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.byteLength;
  }
  return { bytes, isWhole };
}

/** Does without the body of an answer. */
export function letGo({ body }: Response): void {
  void body?.cancel().catch(() => undefined);
}
