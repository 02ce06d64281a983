import { pages } from "../../core/pages.ts";
import type { AgentFace, OutboxRow } from "../../core/ports/index.ts";
import type { TickEvent } from "../../core/runtime.ts";
import type { DirectoryNode, FileNode } from "../nodes.ts";
import { jsonFile, jsonLine, LINES_TYPE, pretty, sizeOf } from "./content.ts";
import { countIn, numberAfter, pageOf } from "./pages.ts";
import { lines } from "./stream.ts";

/** `outbox`: mail that is sent and still on its way, by its number; `events`: what ticks tell the outside. */
export function outbox(face: AgentFace): DirectoryNode {
  const events: FileNode = {
    follow: (signal) => lines((tell) => face.watch((tick) => tell(...told(tick))), signal),
    facts: () => ({ type: LINES_TYPE }),
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

/** What a durable tick told the outside, each as a line. */
function told({ record: { n, at, trigger }, output }: TickEvent): readonly string[] {
  const moment = { n, envelope: trigger.id, at };
  return [
    ...(output.events ?? []).map((event) => jsonLine({ event: "event", ...moment, ...event })),
    ...(output.replies ?? []).map((reply) => jsonLine({ event: "reply", ...moment, ...reply })),
  ];
}
