import type { Clock } from "../core/ports/index.ts";
import { agentKind } from "./agent-mount.ts";
import type { AgentFinder } from "./agent-mount.ts";
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
  readonly agent: AgentFinder;
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
  const make: MountKind = (source, at) =>
    union(membersOf(source, kinds).map((member) => member.kind(member.source, at)));
  return Object.assign(make, {
    settle: async (source: string) =>
      (
        await Promise.all(
          membersOf(source, kinds).map(async (member) => {
            const kept = (await member.kind.settle?.(member.source)) ?? member.source;
            return kept === "" ? member.name : `${member.name}:${kept}`;
          }),
        )
      ).join(" "),
  });
}

/** One of a union: of which kind, and what of it. */
interface Member {
  readonly name: string;
  readonly kind: MountKind;
  readonly source: string;
}

/** @throws EINVAL for what is no source of a union */
function membersOf(source: string, kinds: MountKinds): readonly Member[] {
  const refused = (why: string): FileError =>
    new FileError("EINVAL", `Cannot mount union "${source}": ${why}`);
  const parts = source.split(/\s+/).filter((part) => part !== "");
  if (parts.length < 2) {
    throw refused("it is of two or more, <kind>:<source> each, with spaces between");
  }
  return parts.map((part) => {
    const end = part.indexOf(":");
    const name = end < 0 ? part : part.slice(0, end);
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (kind !== undefined) return { name, kind, source: end < 0 ? "" : part.slice(end + 1) };
    const known = Object.keys(kinds).join(", ");
    throw refused(`there is no kind "${name}" in one, there are: ${known}`);
  });
}
