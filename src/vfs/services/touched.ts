import type { TickEvent } from "../../core/runtime.ts";
import { paths, segmentsOf } from "../../core/tree.ts";

/** What is another one after every tick. */
const ALWAYS = ["/status", "/metrics", "/logs/trajectory", "/logs/checkpoint", "/inbox"] as const;

/** The paths of an agent's tree that a durable tick has changed, by what its record says. */
export function touched({ record, output }: TickEvent): ReadonlySet<string> {
  const changed = new Set<string>([...ALWAYS, `/logs/ticks/${record.n}`]);
  for (const path of [...Object.keys(record.wrote ?? {}), ...(record.removed ?? [])]) {
    const seen = pathOf(path);
    if (seen === undefined) continue;
    changed.add(seen);
    if (path.startsWith(paths.memory)) changed.add("/memory/export");
  }
  if (record.outcome === "failed" || record.outcome === "expired") changed.add("/deadletter");
  if ((record.sent ?? []).length > 0) changed.add("/outbox");
  if (output.events !== undefined || output.replies !== undefined) changed.add("/outbox/events");
  return changed;
}

/** A message has its number, as it is, in the tree. */
function conversationPath(path: string): string {
  const [, , id = "", name = ""] = segmentsOf(path);
  const entry = /^\d+$/.test(name) ? String(Number(name)) : name;
  return `/memory/conversations/${id}/${entry}`.replace(/\/$/, "");
}

/** Where the agent's tree shows a file of the kernel's; undefined for one that it does not show. */
function pathOf(path: string): string | undefined {
  if (path.startsWith(paths.state)) return "/state";
  if (path.startsWith(paths.mounts)) return "/mounts";
  if (path.startsWith(paths.conversations)) return conversationPath(path);
  const { goals, alarms, peers, files, read, kv, patterns } = paths;
  const shown = [goals, alarms, peers, files, read, kv, patterns];
  if (!shown.some((prefix) => path.startsWith(prefix))) return undefined;
  // The marker of a directory has no name, and what is removed may be all below a path.
  return `/${segmentsOf(path).join("/")}`.replace(/\/$/, "");
}
