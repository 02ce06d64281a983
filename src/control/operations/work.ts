import { logSize } from "../../core/pages.ts";
import { ALL_AREAS } from "../../core/search.ts";
import { readRow } from "../../core/trajectory.ts";
import { etagOf, revisionsOf } from "../etag.ts";
import { operation } from "../operation.ts";
import type { Operation } from "../operation.ts";
import { numberedPage } from "../page.ts";
import {
  afterParameter,
  hitsParameter,
  limitParameter,
  textParameter,
  wordParameter,
  wordsParameter,
} from "../query.ts";
import { pageOf } from "../shapes/shape.ts";
import {
  alarmInfo,
  fileText,
  goal,
  goalChange,
  LOG_LEVELS,
  loggedLine,
  memoryHit,
  newGoal,
} from "../shapes/work.ts";

/** The page after which there may be another one: it is full. */
function fullPage<T extends { readonly id: string }>(
  items: readonly T[],
  limit: number,
): { readonly items: readonly T[]; readonly cursor?: string } {
  const last = items.length === limit ? items.at(-1) : undefined;
  return last === undefined ? { items } : { items, cursor: last.id };
}

const IF_MATCH = {
  "If-Match": "The ETag of the goal as it was: refused (412) when it has changed.",
};
const AFTER_ID = textParameter("Those above this id only: the cursor of the page before.");

/** Operations over what an agent is to do, remembers, waits for and says. */
export const workOperations: readonly Operation[] = [
  operation({
    id: "listGoals",
    method: "get",
    path: "/agents/{ref}/goals",
    scope: "read",
    tag: "Agents",
    summary: "Lists what an agent is to bring about",
    query: { after: AFTER_ID, limit: limitParameter },
    answers: { 200: { description: "A page of goals.", body: pageOf(goal) } },
    run: async ({ runtime, ref, query: { after = "", limit } }, answer) =>
      answer(200, fullPage(await runtime.goals(ref, after, limit), limit)),
  }),
  operation({
    id: "addGoal",
    method: "post",
    path: "/agents/{ref}/goals",
    scope: "operate",
    tag: "Agents",
    summary: "Gives an agent a goal",
    description: "It is a tick of the agent, in which no hook runs, and so on its record.",
    body: newGoal,
    answers: { 201: { description: "The goal.", body: goal } },
    async run({ runtime, ref, body }, answer) {
      const added = await runtime.addGoal(ref, body);
      const location = `/agents/${ref}/goals/${added.id}`;
      return answer(201, added, { location, etag: etagOf(added) });
    },
  }),
  operation({
    id: "updateGoal",
    method: "patch",
    path: "/agents/{ref}/goals/{goal}",
    scope: "operate",
    tag: "Agents",
    summary: "Changes a goal",
    params: { goal: "The id of the goal." },
    headers: IF_MATCH,
    body: goalChange,
    answers: { 200: { description: "The goal.", body: goal } },
    async run({ runtime, ref, params, body, c }, answer) {
      const ifMatch = revisionsOf(c.req.header("if-match"));
      const after = await runtime.updateGoal(ref, params["goal"] ?? "", body, { ifMatch });
      return answer(200, after, { etag: etagOf(after) });
    },
  }),
  operation({
    id: "removeGoal",
    method: "delete",
    path: "/agents/{ref}/goals/{goal}",
    scope: "operate",
    tag: "Agents",
    summary: "Takes a goal away; those below it go to where it was",
    params: { goal: "The id of the goal." },
    headers: IF_MATCH,
    answers: { 204: { description: "It is gone." } },
    async run({ runtime, ref, params, c }, answer) {
      const ifMatch = revisionsOf(c.req.header("if-match"));
      await runtime.removeGoal(ref, params["goal"] ?? "", { ifMatch });
      return answer(204);
    },
  }),
  operation({
    id: "listMemory",
    method: "get",
    path: "/agents/{ref}/memory",
    scope: "read",
    tag: "Agents",
    summary: "Gives what an agent remembers beside its state, as files",
    query: {
      prefix: textParameter("Only files whose path begins so. Default memory/, for all."),
      after: textParameter("Paths above this one only: the cursor of the page before."),
      limit: limitParameter,
    },
    answers: { 200: { description: "A page of files.", body: pageOf(fileText) } },
    run: async ({ runtime, ref, query }, answer) => answer(200, await runtime.files(ref, query)),
  }),
  operation({
    id: "searchMemory",
    method: "get",
    path: "/agents/{ref}/memory/search",
    scope: "read",
    tag: "Agents",
    summary: "Finds what an agent remembers by its words",
    description:
      "What has all of the words, whatever their case and accents, the last written first.",
    query: {
      q: textParameter('1 to 20 words; one that ends in "*" stands for all that begin so.'),
      in: wordsParameter("in", "Where to look.", ALL_AREAS),
      limit: hitsParameter,
    },
    answers: { 200: { description: "What was found.", body: pageOf(memoryHit) } },
    run: async ({ runtime, ref, query: { q = "", in: areas, limit } }, answer) =>
      answer(200, { items: await runtime.searchMemory(ref, q, { in: areas, limit }) }),
  }),
  operation({
    id: "listAlarms",
    method: "get",
    path: "/agents/{ref}/alarms",
    scope: "read",
    tag: "Agents",
    summary: "Lists an agent's alarms",
    query: { after: AFTER_ID, limit: limitParameter },
    answers: { 200: { description: "A page of alarms.", body: pageOf(alarmInfo) } },
    run: async ({ runtime, ref, query: { after = "", limit } }, answer) =>
      answer(200, fullPage(await runtime.alarms(ref, after, limit), limit)),
  }),
  operation({
    id: "listLogs",
    method: "get",
    path: "/agents/{ref}/logs",
    scope: "read",
    tag: "Record",
    summary: "Gives the lines that an agent logged, tick by tick",
    query: {
      after: afterParameter,
      limit: limitParameter,
      level: wordParameter("level", "Only lines of this level and above.", LOG_LEVELS),
    },
    answers: {
      200: {
        description: "The lines of a page of ticks; `after` and `limit` count ticks.",
        body: pageOf(loggedLine),
      },
    },
    async run({ runtime, ref, query: { level = "debug", ...query } }, answer) {
      const page = await numberedPage(query, {
        read: (after, limit) => runtime.log(ref, after, limit),
        number: ({ n }) => n,
        size: logSize,
      });
      const least = LOG_LEVELS.indexOf(level);
      const items = page.items.flatMap((row) =>
        (readRow(row).output.logs ?? [])
          .filter((line) => LOG_LEVELS.indexOf(line.level) >= least)
          .map((line) => ({ n: row.n, ...line })),
      );
      return answer(200, { ...page, items });
    },
  }),
];
