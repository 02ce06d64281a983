import type { ErrorCode } from "../core/errors.ts";
import { MovedError, OpenAgentsError, errorInfo } from "../core/errors.ts";
import { FileError, isErrno } from "../core/file-error.ts";
import { HTTP_STATUS } from "./http-status.ts";

/** An error as it goes over HTTP: RFC 9457 problem details, with our `code`. */
export interface Problem {
  readonly type: "about:blank";
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  /** For `MOVED`: the address of the agent's new home. */
  readonly url?: string;
  /** Of what cannot be done with a file: which error of POSIX it is. */
  readonly errno?: string;
  /** The request that it answers, as the server's log has it. */
  readonly requestId?: string;
}

/** The error that a problem document stands for; undefined for what is none. */
export function errorOf(problem: unknown): OpenAgentsError | undefined {
  const { code, detail, url, errno, requestId } = (problem ?? {}) as Partial<Problem>;
  if (typeof code !== "string" || typeof detail !== "string") return undefined;
  const moved = code === "MOVED" && typeof url === "string";
  if (moved) return withRequestId(new MovedError(detail, url), requestId);
  const file = isErrno(errno);
  const error = file ? new FileError(errno, detail) : new OpenAgentsError(code, detail);
  return withRequestId(error, requestId);
}

/** The same error, of a request that the server knows by an id. */
export function withRequestId(error: OpenAgentsError, id: string | undefined): OpenAgentsError {
  if (typeof id === "string") error.requestId = id;
  return error;
}

/** An error of the HTTP layer itself, whose status is not the usual one of its code. */
export class HttpError extends OpenAgentsError {
  override readonly name: string = "HttpError";
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    code: ErrorCode,
    message: string,
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(code, message);
    this.status = status;
    this.headers = headers;
  }
}

const TITLES: Readonly<Record<number, string>> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  408: "Request Timeout",
  409: "Conflict",
  410: "Gone",
  412: "Precondition Failed",
  413: "Content Too Large",
  415: "Unsupported Media Type",
  416: "Range Not Satisfiable",
  421: "Misdirected Request",
  422: "Unprocessable Content",
  423: "Locked",
  426: "Upgrade Required",
  429: "Too Many Requests",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Timeout",
};

/** What an answer has beside its error. */
export interface ProblemOptions {
  readonly requestId?: string | undefined;
  /** Takes secrets out of what is said of a fault of the server's own. */
  readonly redact?: ((text: string) => string) | undefined;
}

/** The response for anything thrown. */
export function problemResponse(
  error: unknown,
  { requestId, redact }: ProblemOptions = {},
): Response {
  const { code, message } = infoOf(error);
  const status = error instanceof HttpError ? error.status : HTTP_STATUS[code];
  const problem: Problem = {
    type: "about:blank",
    title: TITLES[status] ?? "Error",
    status,
    detail: status >= 500 && redact !== undefined ? redact(message) : message,
    code,
    ...(error instanceof MovedError && { url: error.url }),
    ...(error instanceof FileError && { errno: error.errno }),
    ...(requestId !== undefined && { requestId }),
  };
  const headers: Record<string, string> = { "content-type": "application/problem+json" };
  if (error instanceof HttpError) Object.assign(headers, error.headers);
  return new Response(JSON.stringify(problem), { status, headers });
}

function infoOf(error: unknown): { code: ErrorCode; message: string } {
  // What recursion cannot walk (a body nested 100,000 deep) is the sender's mistake.
  if (error instanceof RangeError && error.message.startsWith("Maximum call stack")) {
    return { code: "INVALID", message: "Cannot read body: it is nested too deeply" };
  }
  return errorInfo(error);
}
