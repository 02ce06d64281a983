import { bytesAbove } from "../core/byte-length.ts";
import { OpenAgentsError } from "../core/errors.ts";
import { toJson } from "../core/json.ts";
import type { Json } from "../core/json.ts";
import type { KeyValues, MemoryTools, TickMemory } from "../core/ports/memory.ts";
import { encode, lastSegment, paths } from "../core/tree.ts";
import type { MemoryLimits } from "./limits.ts";
import type { Turns } from "./turns.ts";

/** Bytes of a value, as JSON. */
export const VALUE_BYTES = 65_536;

/** So many files are read at once when keys are counted. */
const PAGE = 1000;

/** Small values by key: a file for each, `memory/kv/<key>`, as JSON; or as text that somebody wrote there. */
export function keyValues(
  { files }: MemoryTools,
  { limits, turns }: { readonly limits: MemoryLimits; readonly turns: Turns },
): KeyValues & Pick<TickMemory, "writeKey"> {
  /** How many there are; counted once where an older version did not. */
  const count = async (): Promise<number> => {
    const known = await files.read(paths.kvCount);
    if (known !== undefined) return Number(known);
    let keys = 0;
    for (let after: string | undefined; ;) {
      const page = await files.list({ prefix: paths.kv, after, limit: PAGE });
      keys += page.length;
      if (page.length < PAGE) return keys;
      after = page.at(-1)!.path;
    }
  };
  const counted = (keys: number): void => files.write(paths.kvCount, String(keys));
  const writeKey = async (key: string, write: () => void): Promise<void> => {
    const path = pathOf(key);
    const isNew = (await files.read(path)) === undefined;
    const keys = isNew ? (await count()) + 1 : 0;
    if (keys > limits.keys) {
      throw new OpenAgentsError(
        "LIMIT",
        `Cannot keep ${JSON.stringify(key)}: an agent has at most ${limits.keys} keys: remove some`,
      );
    }
    write();
    if (isNew) counted(keys);
  };

  return {
    async get(key) {
      const text = await files.read(pathOf(key));
      return text === undefined ? undefined : valueOf(text);
    },
    async set(key, value) {
      // As it is now, whatever its caller does with it before its turn.
      const path = pathOf(key);
      const json = toJson(value, `value of ${JSON.stringify(key)}`);
      const tooMany = bytesAbove(json, VALUE_BYTES);
      if (tooMany !== undefined) {
        throw new OpenAgentsError(
          "LIMIT",
          `Cannot keep ${JSON.stringify(key)}: ${tooMany} bytes is above ${VALUE_BYTES}`,
        );
      }
      await turns(() => writeKey(key, () => files.write(path, json)));
    },
    remove: (key) =>
      turns(async () => {
        const path = paths.kv + encode(key);
        if ((await files.read(path)) === undefined) return;
        const keys = await count();
        files.remove(path);
        counted(Math.max(keys - 1, 0));
      }),
    async list({ after, limit = 100 } = {}) {
      const rows = await files.list({
        prefix: paths.kv,
        // Also after what is no key: somebody may have made a file of that name.
        after: after === undefined ? undefined : paths.kv + encode(after),
        limit: Math.min(Math.max(limit, 1), 1000),
      });
      return rows.map(({ path, value }) => ({ key: lastSegment(path), value: valueOf(value) }));
    },
    writeKey: (key, write) => turns(() => writeKey(key, write)),
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
