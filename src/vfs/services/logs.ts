import type { AgentFace } from "../../core/ports/index.ts";
import type { TickEvent } from "../../core/runtime.ts";
import { GENESIS, readRow } from "../../core/trajectory.ts";
import { limitOf } from "../asked.ts";
import { fixedDirectory } from "../nodes.ts";
import type { DirectoryNode, FileNode } from "../nodes.ts";
import { JSON_TYPE, jsonLine, LINES_TYPE, pretty, textFile } from "./content.ts";
import { countIn, numberAfter } from "./pages.ts";
import type { RecordIndexes } from "./record-lines.ts";
import { lines } from "./stream.ts";

/**
 * `logs`: what happens in ticks as it happens (`trace`), each tick on the record with what it gave out
 * (`ticks`), the record itself (`trajectory`), and what vouches for all of it (`checkpoint`).
 */
export function logs(face: AgentFace, records: RecordIndexes): DirectoryNode {
  const index = records.of(face.agent.id);
  return fixedDirectory({
    trace: {
      follow: (signal) =>
        lines((tell) => {
          const stops = [
            face.follow((event) => tell(jsonLine(event))),
            face.watch((tick) => tell(...ended(tick))),
          ];
          return () => stops.forEach((stop) => stop());
        }, signal),
      facts: () => ({ type: LINES_TYPE }),
    },
    ticks: ticks(face),
    trajectory: {
      readRange: (range) => index.read(face, range),
      facts: async () => ({
        type: LINES_TYPE,
        size: await index.size(face),
        modifiedAt: await face.changedAt(),
        revision: (await face.head())?.hash ?? GENESIS,
      }),
    },
    checkpoint: textFile(async () => {
      const { n, hash } = (await face.head()) ?? { n: 0, hash: GENESIS };
      return `${face.agent.id}\n${n}\n${hash}\n`;
    }),
  });
}

/** A file for each tick, by its number. They are numbered from 1 on with none left out, so none is read. */
function ticks(face: AgentFace): DirectoryNode {
  const nodeOf = (n: number): FileNode => ({
    async read() {
      const [row] = await face.log(n - 1, 1);
      return row === undefined ? "" : pretty(readRow(row));
    },
    facts: () => ({ type: JSON_TYPE }),
  });
  const last = async (): Promise<number> => (await face.head())?.n ?? 0;
  return {
    async list(query) {
      const first = numberAfter(query.cursor) + 1;
      const end = Math.min(await last(), first + limitOf(query) - 1);
      const items = [];
      for (let n = first; n <= end; n += 1) items.push({ name: String(n), node: nodeOf(n) });
      return { items, ...(end < (await last()) && { cursor: String(end) }) };
    },
    async at(name) {
      const n = countIn(name);
      return n === undefined || n > (await last()) ? undefined : nodeOf(n);
    },
  };
}

/** A durable tick: its log lines, and how it ended. */
function ended({ record, output }: TickEvent): readonly string[] {
  const { n, trigger, at, ms, outcome, error } = record;
  const moment = { n, envelope: trigger.id };
  return [
    ...(output.logs ?? []).map((line) => jsonLine({ event: "log", ...moment, ...line })),
    jsonLine({
      event: "tick_end",
      ...moment,
      at: at + ms,
      outcome,
      ms,
      ...(error !== undefined && { error }),
    }),
  ];
}
