import { localBytes, localStat } from "./local-files.ts";
import type { Source } from "./put.ts";
import { notEmpty, UsageError } from "../usage-error.ts";
import { refused } from "./typed-error.ts";

/**
 * What is to be written, byte for byte: a text as it was typed; what is in a file; or stdin, for the text or
 * file `-`, and where neither is given and stdin is no terminal.
 * @throws UsageError when it is not clear what is meant
 */
export async function readInput(
  text: string | undefined,
  file: string | undefined,
): Promise<Source> {
  const path = notEmpty("--file", file);
  if (text !== undefined && path !== undefined) {
    throw new UsageError("Cannot write a text and --file together: give one of them");
  }
  if (text !== undefined && text !== "-") {
    const bytes = new TextEncoder().encode(text);
    return {
      size: bytes.byteLength,
      bytes: (async function* () {
        yield bytes;
      })(),
    };
  }
  if (path !== undefined && path !== "-") {
    const stat = await localStat(path);
    if (stat === undefined) throw refused("ENOENT", "read", path, "there is no such file");
    if (stat.kind === "directory")
      throw new UsageError(`Cannot write "${path}": it is a directory`);
    return { size: stat.size, bytes: localBytes(path) };
  }
  if (text === "-" || path === "-") return { bytes: localBytes("-") };
  if (process.stdin.isTTY) throw nothing("there is nothing to write");
  return { bytes: something(localBytes("-")) };
}

/** A forgotten text must not empty a file. */
async function* something(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let some = false;
  for await (const chunk of bytes) {
    some = true;
    yield chunk;
  }
  if (!some) throw nothing("stdin is empty");
}

function nothing(why: string): UsageError {
  return new UsageError(
    `Cannot write: ${why}: give a text, --file FILE, or something on stdin; "-" takes an empty stdin as well`,
  );
}
