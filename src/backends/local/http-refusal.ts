import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { ErrorCode } from "../../core/errors.ts";
import type { Problem } from "../../control/problem.ts";

/** What is said of bytes that are no request. */
const REFUSALS: Readonly<Record<string, readonly [status: number, code: ErrorCode, why: string]>> =
  {
    HPE_HEADER_OVERFLOW: [431, "LIMIT", "its head has more than 16 KiB"],
    HPE_CHUNK_EXTENSIONS_OVERFLOW: [413, "LIMIT", "its chunks have too long extensions"],
    ERR_HTTP_REQUEST_TIMEOUT: [408, "TIMEOUT", "its head took too long to come"],
  };

/**
 * Answers what the parser refuses and closes the connection: after what is no request nobody knows where
 * the next one begins. Nothing of what came is quoted.
 */
export function refuseRequest(error: NodeJS.ErrnoException, connection: Duplex): void {
  const { _httpMessage: answering } = connection as Duplex & {
    readonly _httpMessage?: { readonly headersSent: boolean } | null;
  };
  // Half an answer that another one follows would be taken for one.
  if (error.code === "ECONNRESET" || !connection.writable || answering?.headersSent === true) {
    connection.destroy();
    return;
  }
  const [status, code, why] = REFUSALS[error.code ?? ""] ?? [400, "INVALID", "it is not HTTP"];
  connection.end(refusal(status, code, `Cannot read request: ${why}`));
}

/** An answer, head and all, that closes its connection. */
export function refusal(status: number, code: ErrorCode, detail: string): string {
  const title = STATUS_CODES[status] ?? "Error";
  const requestId = crypto.randomUUID();
  const problem: Problem = { type: "about:blank", title, status, detail, code, requestId };
  const body = JSON.stringify(problem);
  return [
    `HTTP/1.1 ${status} ${title}`,
    "content-type: application/problem+json",
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    "connection: close",
    "",
    body,
  ].join("\r\n");
}
