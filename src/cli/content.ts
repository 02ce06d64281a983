import { readFileSync } from "node:fs";
import { buffer } from "node:stream/consumers";
import { OpenAgentsError } from "../core/errors.ts";
import { UsageError, notEmpty } from "./usage-error.ts";

/** What is to be sent. */
export interface Content {
  /** Without the newline at its end, for what was read. */
  readonly text: string;
  /** The file's name says that it is JSON. */
  readonly json: boolean;
}

/**
 * What is to be sent: a text as it was typed; what is in a file; or stdin, for the text or file `-`, and
 * where neither is given and stdin is no terminal.
 * @throws UsageError when it is not clear what is meant; INVALID for what is no UTF-8
 */
export async function readContent(
  text: string | undefined,
  file: string | undefined,
): Promise<Content> {
  const path = notEmpty("--file", file);
  if (text !== undefined && path !== undefined) {
    throw new UsageError("Cannot send a text and --file together: give one of them");
  }
  if (text !== undefined && text !== "-") return { text, json: false };
  if (path !== undefined && path !== "-") {
    return { text: decode(readBytes(path), `"${path}"`), json: /\.json$/i.test(path) };
  }
  const asked = text === "-" || path === "-";
  if (!asked && process.stdin.isTTY) throw nothing("there is nothing to send");
  const read = decode(await buffer(process.stdin), "stdin");
  if (!asked && read === "") throw nothing("stdin is empty");
  return { text: read, json: false };
}

function nothing(why: string): UsageError {
  return new UsageError(
    `Cannot send: ${why}: give a text, --file FILE, or something on stdin, as in: agentctl send NAME "hello"`,
  );
}

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const known = code === "EACCES" || code === "EPERM" ? "DENIED" : "INVALID";
    throw new OpenAgentsError(known, `Cannot read "${path}": ${message}`);
  }
}

function decode(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes).replace(/\r?\n$/, "");
  } catch {
    throw new OpenAgentsError(
      "INVALID",
      `Cannot send ${what}: it is no UTF-8 text: send where it can be fetched, or its base64`,
    );
  }
}
