import type { Context } from "../core/context.ts";
import { OpenAgentsError } from "../core/errors.ts";
import { sha256Hex } from "../core/hash.ts";
import type { Tool, Tools } from "../core/ports/model.ts";

/** What `fileTools` takes. */
export interface FileToolsOptions {
  /** The directory of the agent's tree that they are for. Default `/memory/files`. */
  readonly root?: string | undefined;
  /** Whether files may be written. Default false. */
  readonly write?: boolean | undefined;
}

const MEMORY = "/memory/files";
/** Bytes that are read at once, and that a digest is made of. */
const READ_BYTES = 32_768;
/** Entries of a directory that are told at once. */
const ENTRIES = 200;

const PATH = { type: "string", description: "Path of a file, from the top directory" };

/**
 * Tools with which a model works on files of its agent, at or below one directory: `read_file`, `list_files`, with
 * `write` also `write_file`, and for what is in the agent's memory `search_files`. What it reads is noted in
 * `ctx.memory.files`, and what it writes changes with the tick's commit. They are of the tick (`perform`): files
 * outside, below `/fs/`, are used in steps.
 * @throws CONFIG for a root that is no path
 */
export function fileTools({ root = MEMORY, write = false }: FileToolsOptions = {}): Tools {
  const top = topOf(root);
  const inMemory = top === MEMORY || top.startsWith(`${MEMORY}/`);
  return {
    read_file: readFile(top),
    list_files: listFiles(top),
    ...(inMemory && { search_files: searchFiles(top) }),
    ...(write && { write_file: writeFile(top) }),
  };
}

function readFile(top: string): Tool {
  return {
    description: `Reads a text file, ${READ_BYTES} bytes at a time`,
    readOnly: true,
    category: "files",
    risk: "low",
    outputBytes: 2 * READ_BYTES,
    parameters: {
      type: "object",
      properties: {
        path: PATH,
        offset: { type: "integer", minimum: 0, description: "Bytes to skip. Default 0" },
        length: { type: "integer", minimum: 1, maximum: READ_BYTES, description: "Bytes to read" },
      },
      required: ["path"],
      additionalProperties: false,
    },
    async perform(input: { path: string; offset?: number; length?: number }, ctx) {
      const { offset = 0, length = READ_BYTES } = input;
      const path = below(top, input.path);
      // One more, so that it is known whether there are more.
      const bytes = await ctx.fs.bytes(path, { offset, length: length + 1 });
      const hasMore = bytes.length > length;
      const part = hasMore ? wholeCharacters(bytes.subarray(0, length)) : bytes;
      const text = textOf(part, path);
      const isWhole = offset === 0 && !hasMore;
      await ctx.memory.files.note(
        path,
        isWhole ? { digest: sha256Hex(part), size: part.length } : undefined,
      );
      return hasMore
        ? `${text}\n[there is more: read on from offset ${offset + part.length}]`
        : text;
    },
  };
}

function listFiles(top: string): Tool {
  return {
    description: "Lists a directory",
    readOnly: true,
    category: "files",
    risk: "low",
    parameters: {
      type: "object",
      properties: {
        path: { type: "string", description: "Path of a directory. Default: the top directory" },
        cursor: { type: "string", description: "From the answer before, for what comes next" },
      },
      additionalProperties: false,
    },
    async perform({ path = "", cursor }: { path?: string; cursor?: string }, ctx) {
      const page = await ctx.fs.list(below(top, path), { limit: ENTRIES, cursor });
      return {
        entries: page.items.map(({ name, kind, size }) => ({
          name,
          kind,
          ...(size !== undefined && { size }),
        })),
        ...(page.cursor !== undefined && { cursor: page.cursor }),
      };
    },
  };
}

function writeFile(top: string): Tool {
  return {
    description: "Writes a text file, in the place of what is there or after its end",
    category: "files",
    risk: "medium",
    parameters: {
      type: "object",
      properties: {
        path: PATH,
        text: { type: "string" },
        append: { type: "boolean", description: "After its end. Default false" },
      },
      required: ["path", "text"],
      additionalProperties: false,
    },
    async perform(input: { path: string; text: string; append?: boolean }, ctx) {
      const { path, text, append = false } = input;
      const at = await ctx.fs.write(below(top, path), text, append ? { at: "end" } : undefined);
      return `Written: ${at.slice(top === "/" ? 1 : top.length + 1)}`;
    },
  };
}

function searchFiles(top: string): Tool {
  return {
    description: "Finds files that have all of some words, in their text or their name",
    readOnly: true,
    category: "files",
    risk: "low",
    parameters: {
      type: "object",
      properties: {
        words: { type: "string", description: 'One that ends in "*" stands for all that begin so' },
      },
      required: ["words"],
      additionalProperties: false,
    },
    async perform({ words }: { words: string }, ctx: Context) {
      const hits = await ctx.memory.search(words, { in: ["files"], limit: 100 });
      return hits
        .filter(({ path }) => path.startsWith(`${top}/`))
        .slice(0, 20)
        .map(({ path, text }) => ({ path: path.slice(top.length + 1), text }));
    },
  };
}

/** The root as one path. @throws CONFIG */
function topOf(root: string): string {
  const given: unknown = root;
  const parts = typeof given === "string" ? given.split("/") : [];
  if (
    parts[0] !== "" ||
    parts.length === 1 ||
    parts.some((part) => part === "." || part === "..")
  ) {
    throw new OpenAgentsError(
      "CONFIG",
      `Cannot make tools of files: "root" must be a path of the agent's tree such as "${MEMORY}"`,
    );
  }
  return `/${parts.filter((part) => part !== "").join("/")}`;
}

/** A path as a model says it, which leads nowhere but to the root and below. @throws DENIED */
function below(top: string, path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) {
    throw new OpenAgentsError("DENIED", `Cannot use "${path}": it may have no ".."`);
  }
  // Models like to say the whole of it.
  const own = top.split("/").filter((part) => part !== "");
  const rest = own.every((part, i) => parts[i] === part) ? parts.slice(own.length) : parts;
  return `/${[...own, ...rest].join("/")}`;
}

/** Without a character at the end that is cut. */
function wholeCharacters(bytes: Uint8Array): Uint8Array {
  for (let back = 1; back <= Math.min(4, bytes.length); back += 1) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return bytes;
    if (byte < 0xc0) continue;
    const needs = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4;
    return needs > back && bytes.length > back ? bytes.subarray(0, bytes.length - back) : bytes;
  }
  return bytes;
}

/** @throws INVALID for what is no text */
function textOf(bytes: Uint8Array, path: string): string {
  if (bytes.includes(0))
    throw new OpenAgentsError("INVALID", `Cannot read "${path}": it is no text`);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}
