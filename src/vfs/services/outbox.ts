import { canonicalJson } from "../../core/json.ts";
import type { Json } from "../../core/json.ts";
import { pages } from "../../core/pages.ts";
import type { AgentFace, LogRow, OutboxRow } from "../../core/ports/index.ts";
import type { TickEvent } from "../../core/runtime.ts";
import { readRow } from "../../core/trajectory.ts";
import type { DirectoryNode, FileNode } from "../nodes.ts";
import { jsonFile, LINES_TYPE, pretty, sizeOf } from "./content.ts";
import { countIn, numberAfter, pageOf } from "./pages.ts";
import type { RecordIndexes } from "./record-lines.ts";
import { lines } from "./stream.ts";

/**
 * `outbox`: mail that is sent and still on its way, by its number; `events`: what ticks told the outside, all
 * of it, and what comes.
 */
export function outbox(face: AgentFace, indexes: RecordIndexes): DirectoryNode {
  const index = indexes.of(face.agent.id);
  const events: FileNode = {
    readRange: (range) => index.read(face, range),
    follow: (signal) => lines((tell) => face.watch((tick) => tell(...told(tick))), signal),
    facts: async () => ({
      type: LINES_TYPE,
      size: await index.size(face),
      modifiedAt: await face.changedAt(),
    }),
  };
  const nodeOf = (row: OutboxRow): FileNode => jsonFile(() => row);
  return {
    list(query) {
      const first = query.cursor === undefined;
      return pageOf<OutboxRow | undefined>(
        query,
        async function* (cursor) {
          if (first) yield undefined;
          const after = cursor === "events" ? 0 : numberAfter(cursor);
          yield* pages<OutboxRow>(
            (last, limit) => face.outbox(last?.seq ?? after, limit),
            ({ envelope }) => JSON.stringify(envelope.payload).length,
          );
        },
        {
          entry: (row) =>
            row === undefined
              ? { name: "events", node: events }
              : { name: String(row.seq), node: nodeOf(row), facts: sizeOf(pretty(row)) },
          mark: (row) => (row === undefined ? "events" : String(row.seq)),
        },
      );
    },
    async at(name) {
      if (name === "events") return events;
      const seq = countIn(name);
      if (seq === undefined) return undefined;
      const [row] = await face.outbox(seq - 1, 1);
      return row?.seq === seq ? nodeOf(row) : undefined;
    },
  };
}

/** The lines of `events` that a tick on the record gives. */
export function eventLines(row: LogRow): string {
  return row.output === undefined ? "" : told(readRow(row)).join("");
}

/** What a durable tick told the outside, each as a line. */
function told({
  record: { n, at, trigger },
  output,
}: Pick<TickEvent, "record" | "output">): readonly string[] {
  const moment = { n, envelope: trigger.id, at };
  return [
    ...(output.events ?? []).map((event) => line({ event: "event", ...moment, ...event })),
    ...(output.replies ?? []).map((reply) => line({ event: "reply", ...moment, ...reply })),
  ];
}

/** The same line when it happens as when it is read from the record. */
function line(told: Json): string {
  return `${canonicalJson(told)}\n`;
}
