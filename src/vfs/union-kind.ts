import { FileError } from "../core/file-error.ts";
import type { MountKind, MountKinds } from "./agent-mounts.ts";
import { union } from "./union.ts";

/**
 * The kind `union`: several mounts as one, see `union`. The source is two or more of `<kind>:<source>`,
 * parted by white space, of these kinds; the first goes before the others.
 */
export function unionKind(kinds: MountKinds): MountKind {
  return (source, at) => {
    const parts = source.split(/\s+/).filter((part) => part !== "");
    const refuse = (why: string): never => {
      throw new FileError("EINVAL", `Cannot mount a union of ${JSON.stringify(source)}: ${why}`);
    };
    if (parts.length < 2) refuse("it is two or more of KIND:SOURCE, parted by spaces");
    return union(
      parts.map((part) => {
        const [, kind = "", of = ""] = /^([^:]*):(.*)$/.exec(part) ?? [];
        const make = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
        const known = Object.keys(kinds).join(", ");
        return make?.(of, at) ?? refuse(`"${part}" is of no kind that there is here: ${known}`);
      }),
    );
  };
}
