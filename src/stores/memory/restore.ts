import { OpenAgentsError } from "../../core/errors.ts";
import type { Restored } from "../../core/ports/store.ts";
import { kill, newMail, place } from "./agent.ts";
import type { Agent } from "./agent.ts";
import { putFiles } from "./files.ts";
import type { Undo } from "./undo.ts";

/** `Directory.restore` of the memory store. */
export function restore(undo: Undo, agent: Agent, part: Restored, position: () => number): void {
  const { files = [], log = [], seen = [], mail = [] } = part;
  const { id, status } = agent.record;
  const refuse = (why: string): never => {
    throw new OpenAgentsError("INVALID", `Cannot restore agent "${id}": ${why}`);
  };
  if (status !== "arriving") refuse(`it is ${status}`);
  const head = agent.head?.n ?? 0;
  log.forEach(({ n }, i) => {
    if (n !== head + i + 1) refuse(`record ${head + i + 1} is missing`);
  });
  const ids = new Set<string>();
  for (const name of [...seen.map((row) => row.id), ...mail.map((row) => row.envelope.id)]) {
    if (ids.has(name) || agent.positions.has(name)) refuse(`it has two envelopes "${name}"`);
    ids.add(name);
  }

  putFiles(undo, agent, files);
  for (const row of log) {
    undo.set(agent.log, row.n, { ...row });
    undo.assign(agent, "head", { ...row });
  }
  for (const row of seen) {
    const at = position();
    undo.set(agent.done, at, { id: row.id, at: row.at });
    undo.set(agent.positions, row.id, at);
  }
  for (const { envelope, at, attempts, notBefore, reason } of mail) {
    const letter = { ...newMail(position(), envelope, at), attempts, notBefore };
    if (reason === undefined) place(undo, agent, letter);
    else kill(undo, agent, letter, reason);
  }
}
