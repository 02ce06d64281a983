import type { Clock } from "../core/ports/index.ts";
import { agentKind } from "./agent-mount.ts";
import type { OtherAgent } from "./agent-mount.ts";
import { FileError } from "../core/file-error.ts";
import { httpKind } from "./http-resource.ts";
import type { HttpResourceOptions } from "./http-resource.ts";
import type { MountKind, MountKinds } from "./mount-kind.ts";
import { scratch } from "./scratch.ts";
import { union } from "./union.ts";

/** What a home has for its agents' mounts. */
export interface HomeMounts {
  readonly clock: Pick<Clock, "now">;
  readonly http: HttpResourceOptions;
  /** Another agent of the home. @throws NOT_FOUND */
  readonly agent: (ref: string) => Promise<OtherAgent>;
  /** Kinds that this home alone has. */
  readonly own?: MountKinds;
}

/** What an agent's scratch may hold: it is in memory, and there may be many. */
const SCRATCH = { bytes: 4_194_304, files: 1000 } as const;

/** The kinds of mounts of a home: `scratch`, `agent`, `http`, those of its own, and `union` of them. */
export function mountKinds({ clock, http, agent, own }: HomeMounts): MountKinds {
  const kinds: MountKinds = {
    scratch: (source) => {
      if (source === "") return scratch(SCRATCH, clock);
      throw new FileError("EINVAL", `Cannot mount "${source}": a scratch has no source`);
    },
    agent: agentKind(agent),
    http: httpKind(http),
    ...own,
  };
  return { ...kinds, union: unionKind(kinds) };
}

/** The kind `union`: its source is those of several mounts, `<kind>:<source>`, with spaces between. */
function unionKind(kinds: MountKinds): MountKind {
  return (source, at) => {
    const parts = source.split(/\s+/).filter((part) => part !== "");
    if (parts.length < 2) {
      const why = "it is of two or more, <kind>:<source> each, with spaces between";
      throw new FileError("EINVAL", `Cannot mount union "${source}": ${why}`);
    }
    return union(
      parts.map((part) => {
        const end = part.indexOf(":");
        const kind = end < 0 ? part : part.slice(0, end);
        const make = Object.hasOwn(kinds, kind) ? kinds[kind] : undefined;
        if (make !== undefined) return make(end < 0 ? "" : part.slice(end + 1), at);
        const known = Object.keys(kinds).join(", ");
        throw new FileError(
          "EINVAL",
          `Cannot mount union "${source}": there is no kind "${kind}" in one, there are: ${known}`,
        );
      }),
    );
  };
}
