import type { Output } from "../output.ts";
import { harmless } from "../output.ts";

/** Where the content of files goes. */
export interface ByteOutput {
  /** Resolves once it is taken. */
  write(bytes: Uint8Array): Promise<void>;
  /** What is left of a line that has no end. */
  end(): Promise<void>;
}

/**
 * Content on its way to stdout: the bytes as they are; on a terminal as text that cannot steer it. As JSON a
 * row a line, `{"line": …}`.
 */
export function byteOutput(out: Output): ByteOutput {
  if (!out.json && !process.stdout.isTTY) return { write: print, end: async () => {} };
  const decoder = new TextDecoder();
  if (!out.json) {
    const show = (text: string): Promise<void> => print(harmless(text.replaceAll("\r\n", "\n")));
    return {
      write: (bytes) => show(decoder.decode(bytes, { stream: true })),
      end: () => show(decoder.decode()),
    };
  }
  let rest = "";
  return {
    async write(bytes) {
      const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n");
      rest = lines.pop()!;
      for (const line of lines) out.row({ line });
    },
    async end() {
      rest += decoder.decode();
      if (rest !== "") out.row({ line: rest });
      rest = "";
    },
  };
}

/** Writes to stdout, no faster than it is taken. */
export function print(content: string | Uint8Array): Promise<void> {
  if (content.length === 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    process.stdout.write(content, (error) => (error == null ? resolve() : reject(error)));
  });
}

/** Bytes as a member of a JSON document: text where they are that. */
export function jsonContent(
  bytes: Uint8Array,
): { readonly text: string } | { readonly base64: string } {
  try {
    return { text: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes) };
  } catch {
    return { base64: Buffer.from(bytes).toString("base64") };
  }
}
