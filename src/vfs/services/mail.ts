import { byteLength } from "../../core/byte-length.ts";
import { pages } from "../../core/pages.ts";
import type { AgentFace, MailQuery, MailRow } from "../../core/ports/index.ts";
import type { DirectoryNode, FileNode } from "../nodes.ts";
import { jsonFile, pretty, sizeOf } from "./content.ts";
import { countIn, numberAfter, pageOf } from "./pages.ts";

/** How many letters of a page are read at first: none is large, and stores look for them from the start. */
const FIRST = 32;

/** A directory of mail: a file for each, by its position. `file`: what can be done with one. */
export function mailbox(
  face: AgentFace,
  box: MailQuery["box"],
  file: (row: MailRow) => Partial<FileNode> = () => ({}),
): Pick<DirectoryNode, "list" | "at"> {
  const nodeOf = (row: MailRow): FileNode => ({
    ...jsonFile(
      () => row,
      () => ({ modifiedAt: row.at }),
    ),
    ...file(row),
  });
  return {
    list: (query) =>
      pageOf(
        query,
        (cursor) => {
          const first = numberAfter(cursor);
          return pages<MailRow>(
            (last, limit) => face.mail({ box, after: last?.position ?? first, limit }),
            ({ envelope }) => byteLength(JSON.stringify(envelope.payload)),
            FIRST,
          );
        },
        {
          entry: (row) => ({
            name: String(row.position),
            node: nodeOf(row),
            facts: sizeOf(pretty(row), row.at),
          }),
          mark: ({ position }) => String(position),
        },
      ),
    async at(name) {
      const row = await mailAt(face, box, name);
      return row && nodeOf(row);
    },
  };
}

/** What is at a position, or has an envelope's id. */
async function mailAt(
  face: AgentFace,
  box: MailQuery["box"],
  name: string,
): Promise<MailRow | undefined> {
  const position = countIn(name);
  if (position === undefined) return (await face.mail({ box, envelope: name, limit: 1 }))[0];
  const [row] = await face.mail({ box, after: position - 1, limit: 1 });
  return row?.position === position ? row : undefined;
}
