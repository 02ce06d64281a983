import type { AlarmFile } from "../../core/alarms.ts";
import type { When } from "../../core/context.ts";
import type { AlarmInfo } from "../../core/operations.ts";
import type { AgentFace } from "../../core/ports/index.ts";
import { paths } from "../../core/tree.ts";
import type { DirectoryNode, FileNode } from "../nodes.ts";
import { isName } from "../path.ts";
import { JSON_TYPE, parsedObject, pretty, refused, sizeOf } from "./content.ts";
import { tickOf } from "./in-tick.ts";
import { pageOf } from "./pages.ts";

const WHEN = ["in", "at", "every", "cron"] as const;

/** `alarms`: a file for each, by its id; one is set by writing when it is, and its payload. */
export function alarms(face: AgentFace): DirectoryNode {
  const set = async (id: string, data: Uint8Array): Promise<string> => {
    const what = `alarm "${id}"`;
    const members = [...WHEN, "timeZone", "payload", "id"];
    const { payload = null, id: _id, at, ...when } = parsedObject(data, what, members);
    // What is read of one that repeats says when it is next, too.
    const once = at !== undefined && when["every"] === undefined && when["cron"] === undefined;
    tickOf(face, what).setAlarm(id, whenOf({ ...(once && { at }), ...when }, what), payload);
    return id;
  };
  const nodeOf = (alarm: AlarmInfo): FileNode => ({
    read: () => pretty(alarm),
    write: async (data) => void (await set(alarm.id, data)),
    remove: async () => tickOf(face, `alarm "${alarm.id}"`).cancelAlarm(alarm.id),
    facts: () => ({ type: JSON_TYPE, limit: face.limits.envelopeBytes }),
  });
  return {
    list: (query) =>
      pageOf(query, (cursor) => eachAlarm(face, cursor), {
        entry: (alarm) => ({
          name: alarm.id,
          node: nodeOf(alarm),
          facts: sizeOf(pretty(alarm)),
        }),
        mark: ({ id }) => id,
      }),
    async at(name) {
      const text = await face.tree.read(paths.alarm(name));
      return text === undefined ? undefined : nodeOf(alarmIn(text));
    },
    create: set,
    facts: () => ({ limit: face.limits.envelopeBytes }),
  };
}

async function* eachAlarm(
  { tree }: AgentFace,
  cursor: string | undefined,
): AsyncGenerator<AlarmInfo, void, undefined> {
  const limit = 100;
  for (let after = cursor === undefined ? undefined : paths.alarm(cursor); ;) {
    const page = await tree.list({ prefix: paths.alarms, after, limit });
    for (const { value } of page) {
      const alarm = alarmIn(value);
      if (isName(alarm.id)) yield alarm;
    }
    if (page.length < limit) return;
    after = page.at(-1)!.path;
  }
}

function alarmIn(text: string): AlarmInfo {
  const { id, at, repeat, payload } = JSON.parse(text) as AlarmFile;
  return { id, at, payload, ...repeat };
}

/** When an alarm fires. Whether it ever does is checked where it is set. */
function whenOf(when: Readonly<Record<string, unknown>>, what: string): When {
  const given = WHEN.filter((member) => when[member] !== undefined);
  if (given.length !== 1) {
    throw refused(what, `it must have one of ${WHEN.map((word) => `"${word}"`).join(", ")}`);
  }
  const bad = Object.keys(when).find(
    (member) => !["string", "number"].includes(typeof when[member]),
  );
  if (bad !== undefined) throw refused(what, `"${bad}" must be text or a number`);
  if (when["timeZone"] !== undefined && when["cron"] === undefined) {
    throw refused(what, '"timeZone" is for "cron" alone');
  }
  for (const member of ["cron", "timeZone"]) {
    if (typeof when[member] === "number") throw refused(what, `"${member}" must be text`);
  }
  return when as unknown as When;
}
