import { checkName, isKey } from "../../core/agent.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import type { Home } from "../../core/runtime.ts";
import type { Schedules } from "../../drivers/scheduler.ts";
import { isBound } from "../access.ts";
import { etagOf, revisionsOf } from "../etag.ts";
import { operation } from "../operation.ts";
import type { Address, Operation } from "../operation.ts";
import { limitParameter, textParameter } from "../query.ts";
import { newSchedule, schedule, scheduleChange } from "../shapes/schedule.ts";
import { pageOf } from "../shapes/shape.ts";

const PARAMS = { id: "The schedule's id." };
const IF_MATCH = {
  "If-Match": "The ETag of the schedule as it was: refused (412) when somebody has changed it.",
};
const ONE = { 200: { description: "The schedule.", body: schedule } };

/** Operations over what is sent to agents by time. */
export const scheduleOperations: readonly Operation[] = [
  operation({
    id: "createSchedule",
    method: "post",
    path: "/schedules",
    scope: "operate",
    tag: "Schedules",
    summary: "Makes a schedule",
    body: newSchedule,
    answers: { 201: { description: "It was made.", body: schedule } },
    async run({ home, body, c }, answer) {
      const schedules = schedulesOf(c);
      await checkAgent(home, body.agent);
      const made = await schedules.create(body);
      return answer(201, made, { location: `/schedules/${made.id}`, etag: etagOf(made) });
    },
  }),
  operation({
    id: "listSchedules",
    method: "get",
    path: "/schedules",
    scope: "read",
    tag: "Schedules",
    summary: "Lists schedules",
    description: "In order of id.",
    query: { limit: limitParameter, cursor: textParameter("From the page before.") },
    answers: { 200: { description: "A page of schedules.", body: pageOf(schedule) } },
    admit: refuseBound,
    run: async ({ query, c }, answer) => answer(200, await schedulesOf(c).list(query)),
  }),
  operation({
    id: "getSchedule",
    method: "get",
    path: "/schedules/{id}",
    scope: "read",
    tag: "Schedules",
    summary: "Gives a schedule",
    params: PARAMS,
    answers: ONE,
    admit: refuseBound,
    async run({ params, c }, answer) {
      const found = await schedulesOf(c).get(params["id"]!);
      return answer(200, found, { etag: etagOf(found) });
    },
  }),
  operation({
    id: "updateSchedule",
    method: "patch",
    path: "/schedules/{id}",
    scope: "operate",
    tag: "Schedules",
    summary: "Changes a schedule",
    params: PARAMS,
    headers: IF_MATCH,
    body: scheduleChange,
    answers: ONE,
    async run({ home, params, body, c }, answer) {
      const schedules = schedulesOf(c);
      if (body.agent !== undefined) await checkAgent(home, body.agent);
      const ifMatch = revisionsOf(c.req.header("if-match"));
      const after = await schedules.update(params["id"]!, body, { ifMatch });
      return answer(200, after, { etag: etagOf(after) });
    },
  }),
  operation({
    id: "deleteSchedule",
    method: "delete",
    path: "/schedules/{id}",
    scope: "operate",
    tag: "Schedules",
    summary: "Takes a schedule away",
    params: PARAMS,
    headers: IF_MATCH,
    answers: { 204: { description: "It is gone." } },
    async run({ params, c }, answer) {
      const ifMatch = revisionsOf(c.req.header("if-match"));
      await schedulesOf(c).remove(params["id"]!, { ifMatch });
      return answer(204);
    },
  }),
  ...(
    [
      ["pause", "Has a schedule fire no more until it is resumed"],
      ["resume", "Has a schedule go on, from its first time from now on"],
    ] as const
  ).map(([verb, summary]) =>
    operation({
      id: `${verb}Schedule`,
      method: "post",
      path: `/schedules/{id}/${verb}`,
      scope: "operate",
      tag: "Schedules",
      summary,
      params: PARAMS,
      answers: ONE,
      async run({ params, c }, answer) {
        const after = await schedulesOf(c).update(params["id"]!, { paused: verb === "pause" });
        return answer(200, after, { etag: etagOf(after) });
      },
    }),
  ),
];

/** @throws CONFIG saying how to have some */
function schedulesOf(c: Address["c"]): Schedules {
  const { schedules } = c.env;
  if (schedules !== undefined) return schedules;
  throw new OpenAgentsError(
    "CONFIG",
    'Cannot use schedules: this Worker has no object for them: bind "HomeObject" as "HOME", see docs/cloudflare.md',
  );
}

/** Schedules are of the home: who sees some agents only sees none of them. @throws DENIED */
async function refuseBound({ principal }: Address): Promise<void> {
  if (!isBound(principal)) return;
  throw new OpenAgentsError(
    "DENIED",
    `Cannot do this as "${principal.id}": it is bound to some agents, and this is about the home`,
  );
}

/** What is mistyped is found out now, and not when it is due. @throws INVALID, NOT_FOUND */
async function checkAgent(home: Home, ref: string): Promise<void> {
  if (!isKey(ref)) checkName(ref);
  await home.resolve(ref);
}
