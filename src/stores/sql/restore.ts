import { OpenAgentsError } from "../../core/errors.ts";
import type { Restored } from "../../core/ports/store.ts";
import { whole } from "./base.ts";
import type { Base } from "./base.ts";
import { putFile } from "./files.ts";
import { addRow } from "./ledger.ts";
import { post } from "./letterbox.ts";
import { DEAD, DONE, insert, prepare, stateOf, WAITING } from "./mail.ts";

/** `Directory.restore` of a SQL store: all checks come before the first write. */
export function restore(base: Base, id: string, part: Restored): void {
  const { files = [], log = [], seen = [], mail = [], outbox = [] } = part;
  const prepared = mail.map((row) => {
    whole(row.at + row.attempts + row.notBefore, "mail");
    return { row, letter: prepare(row.envelope) };
  });
  for (const row of seen) whole(row.at, "time");
  base.sql.apply(() => {
    const agent = base.known(id);
    const refuse = (why: string): never => {
      throw new OpenAgentsError("INVALID", `Cannot restore agent "${id}": ${why}`);
    };
    if (agent.status !== "arriving") refuse(`it is ${agent.status}`);
    const head = agent.head?.n ?? 0;
    log.forEach(({ n }, i) => {
      if (n !== head + i + 1) refuse(`record ${head + i + 1} is missing`);
    });
    const ids = new Set<string>();
    for (const name of [...seen.map((row) => row.id), ...mail.map((row) => row.envelope.id)]) {
      const twice = ids.has(name) || stateOf(base, agent, name) !== undefined;
      if (twice) refuse(`it has two envelopes "${name}"`);
      ids.add(name);
    }

    for (const file of files) putFile(base, agent, file);
    for (const row of log) addRow(base, agent, row);
    for (const row of seen) {
      insert(base, agent, { ...NOTHING, id: row.id, state: DONE, at: row.at });
    }
    for (const { row, letter } of prepared) {
      insert(base, agent, {
        id: row.envelope.id,
        state: row.reason === undefined ? WAITING : DEAD,
        sender: letter.sender,
        urgent: letter.urgent,
        priority: letter.priority,
        at: row.at,
        attempts: row.attempts,
        // A dead letter waits for nothing.
        notBefore: row.reason === undefined ? row.notBefore : 0,
        envelope: letter.text,
        reason: row.reason ?? null,
      });
    }
    for (const envelope of outbox) post(base, agent, JSON.stringify(envelope));
    base.forget(id);
  });
}

/** What is kept of mail that is done with, beyond its id and time. */
const NOTHING = {
  sender: "",
  urgent: 0,
  priority: 0,
  attempts: 0,
  notBefore: 0,
  envelope: "",
  reason: null,
} as const;
