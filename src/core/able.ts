import { FileError } from "./file-error.ts";
import type { FileService } from "./ports/files.ts";

/** What a service may lack. */
export type Ability = "makeDirectory" | "resize" | "exchange" | "follow";

/** A member of a service that it may lack, for use with `path`. @throws ENOTSUP when it does */
export function able<K extends Ability>(
  files: FileService,
  name: K,
  path: string,
): Required<FileService>[K] {
  const member = files[name] as ((...args: readonly unknown[]) => unknown) | undefined;
  if (member !== undefined) return member.bind(files) as Required<FileService>[K];
  throw new FileError("ENOTSUP", `Cannot do this with "${path}": what is there cannot do it`);
}
