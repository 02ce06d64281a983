import type { FileService } from "../../src/core/ports/index.ts";

/** A text as bytes. */
export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A file as text. */
export async function text(files: FileService, path: string): Promise<string> {
  return new TextDecoder().decode(await files.read(path));
}
