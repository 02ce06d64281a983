import { bytesAbove } from "../core/byte-length.ts";
import { OpenAgentsError } from "../core/errors.ts";
import { toJson } from "../core/json.ts";
import type { Json } from "../core/json.ts";
import type { KeyValues, MemoryTools } from "../core/ports/memory.ts";
import { encode, lastSegment, paths } from "../core/tree.ts";

/** Bytes of a value, as JSON. */
export const VALUE_BYTES = 65_536;

/** Small values by key: a file for each, `memory/kv/<key>`, as JSON; or as text that somebody wrote there. */
export function keyValues({ files }: MemoryTools): KeyValues {
  return {
    async get(key) {
      const text = await files.read(pathOf(key));
      return text === undefined ? undefined : valueOf(text);
    },
    async set(key, value) {
      const path = pathOf(key);
      const json = toJson(value, `value of ${JSON.stringify(key)}`);
      const tooMany = bytesAbove(json, VALUE_BYTES);
      if (tooMany !== undefined) {
        throw new OpenAgentsError(
          "LIMIT",
          `Cannot keep ${JSON.stringify(key)}: ${tooMany} bytes is above ${VALUE_BYTES}`,
        );
      }
      files.write(path, json);
    },
    async remove(key) {
      const path = pathOf(key);
      if ((await files.read(path)) !== undefined) files.remove(path);
    },
    async list({ after, limit = 100 } = {}) {
      const rows = await files.list({
        prefix: paths.kv,
        after: after === undefined ? undefined : pathOf(after),
        limit: Math.min(Math.max(limit, 1), 1000),
      });
      return rows.map(({ path, value }) => ({ key: lastSegment(path), value: valueOf(value) }));
    },
  };
}

/** A file's content as a value: people write text there, with the line end that `echo` adds. */
function valueOf(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text.replace(/\n$/, "");
  }
}

/** @throws INVALID for what is no key */
function pathOf(key: string): string {
  const good =
    typeof key === "string" &&
    key !== "" &&
    key.length <= 200 &&
    key.isWellFormed() &&
    key !== "." &&
    key !== ".." &&
    !/[/\p{Cc}]/u.test(key);
  if (good) return paths.kv + encode(key);
  throw new OpenAgentsError(
    "INVALID",
    `Cannot use key ${JSON.stringify(key)}: use 1 to 200 characters, none of them "/" or a control character`,
  );
}
