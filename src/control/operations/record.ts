import { OpenAgentsError } from "../../core/errors.ts";
import { parseJson } from "../../core/json.ts";
import type { Json } from "../../core/json.ts";
import { logSize } from "../../core/pages.ts";
import type { LogRow } from "../../core/ports/index.ts";
import type { Runtime } from "../../core/runtime.ts";
import type { TickOutput, TickRecord } from "../../core/trajectory.ts";
import { operation } from "../operation.ts";
import type { Operation } from "../operation.ts";
import { numberedPage } from "../page.ts";
import type { NumberedPage } from "../page.ts";
import { afterParameter, limitParameter, oneOf, textParameter, wholeNumber } from "../query.ts";
import { logRow, tickView, verdict } from "../shapes/record.ts";
import type { TickView } from "../shapes/record.ts";
import { pageOf } from "../shapes/shape.ts";
import { HttpError } from "../problem.ts";
import { SUBPROTOCOL } from "../socket-frames.ts";
import { standing } from "../standing.ts";
import { protocolsOf } from "../socket-request.ts";
import { streamPosition } from "../stream-position.ts";
import { tickStream } from "../stream.ts";
import { EVENT_NAMES } from "../tick-events.ts";
import type { EventName } from "../tick-events.ts";

const PAGE = { after: afterParameter, limit: limitParameter };

/** Operations over an agent's record: what it did, and what it does now. */
export const recordOperations: readonly Operation[] = [
  operation({
    id: "listTicks",
    method: "get",
    path: "/agents/{ref}/ticks",
    scope: "read",
    tag: "Record",
    summary: "Lists an agent's ticks",
    query: PAGE,
    answers: { 200: { description: "A page of ticks.", body: pageOf(tickView) } },
    async run({ runtime, ref, query }, answer) {
      const page = await rowsOf(runtime, ref, query);
      return answer(200, { ...page, items: page.items.map(view) });
    },
  }),
  operation({
    id: "getTick",
    method: "get",
    path: "/agents/{ref}/ticks/{n}",
    scope: "read",
    tag: "Record",
    summary: "Gives one tick",
    params: { n: "Its number, from 1." },
    answers: { 200: { description: "The tick.", body: tickView } },
    async run({ runtime, ref, params }, answer) {
      const max = Number.MAX_SAFE_INTEGER;
      const n = wholeNumber("n", params["n"], { min: 1, max, default: 1 });
      const [row] = await runtime.log(ref, n - 1, 1);
      if (row?.n === n) return answer(200, view(row));
      throw new OpenAgentsError("NOT_FOUND", `Cannot find tick ${n} of "${ref}"`);
    },
  }),
  operation({
    id: "listTrajectory",
    method: "get",
    path: "/agents/{ref}/trajectory",
    scope: "read",
    tag: "Record",
    summary: "Gives an agent's record as its hashes are made of",
    query: PAGE,
    answers: { 200: { description: "A page of rows.", body: pageOf(logRow) } },
    run: async ({ runtime, ref, query }, answer) => answer(200, await rowsOf(runtime, ref, query)),
  }),
  operation({
    id: "verifyTrajectory",
    method: "get",
    path: "/agents/{ref}/trajectory/verify",
    scope: "read",
    tag: "Record",
    summary: "Checks the whole record, and the agent's files against it",
    answers: { 200: { description: "What was found.", body: verdict } },
    run: async ({ runtime, ref }, answer) => answer(200, await runtime.verify(ref)),
  }),
  operation({
    id: "streamAgent",
    method: "get",
    path: "/agents/{ref}/stream",
    scope: "read",
    tag: "Record",
    summary: "Follows an agent's ticks as server-sent events",
    description:
      "Of a tick that runs all that has happened in it is told, also text that its steps are writing (`delta`), and then what happens. A `tick_start` means to forget what was told of that tick before.",
    query: {
      after: textParameter("The id of the last event that was seen."),
      events: textParameter("Only events of these names, with commas between them."),
    },
    headers: { "Last-Event-ID": "The same, as browsers send it." },
    answers: {
      200: { description: "Events, for as long as it is open.", type: "text/event-stream" },
    },
    async run({ runtime, ref, query, options, principal, c }) {
      const resume = c.req.header("last-event-id") ?? query.after;
      const stream = await tickStream(runtime, ref, {
        from: resume === undefined || resume === "" ? undefined : streamPosition(resume),
        events: eventNames(query.events),
        signal: options.stopping,
        mayGoOn: (id) => standing(principal, id, { runtime, stillGood: options.stillGood }),
      });
      return c.body(stream, 200, {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      });
    },
  }),
  operation({
    id: "connectAgent",
    method: "get",
    path: "/agents/{ref}/ws",
    scope: "read",
    tag: "Record",
    summary: "Opens a WebSocket to an agent: mail in, answers and events out",
    description:
      "Browsers, which can set no headers, carry the token in a subprotocol: `openagents.v1, bearer.<token>`.",
    answers: { 101: { description: "It is a WebSocket from now on." } },
    async run({ runtime, ref, principal, c }) {
      const { accept } = c.env;
      if (c.req.header("upgrade")?.toLowerCase() !== "websocket" || accept === undefined) {
        const problem = "Cannot GET a WebSocket: connect to it as one";
        throw new HttpError(426, "INVALID", problem, {
          upgrade: "websocket",
          connection: "Upgrade",
        });
      }
      const { id, ticks } = await runtime.status(ref);
      const protocol = protocolsOf(c.req.raw).includes(SUBPROTOCOL) ? SUBPROTOCOL : undefined;
      return accept({ agent: id, ticks, protocol, principal });
    },
  }),
];

async function rowsOf(
  runtime: Pick<Runtime, "log">,
  ref: string,
  query: { readonly after: number; readonly limit: number },
): Promise<NumberedPage<LogRow>> {
  const read = (after: number, limit: number) => runtime.log(ref, after, limit);
  return numberedPage(query, { read, number: ({ n }) => n, size: logSize });
}

function view(row: LogRow): TickView {
  const what = `record ${row.n}`;
  const parse = (text: string): Json => {
    try {
      return parseJson(text, what);
    } catch (error) {
      throw new OpenAgentsError("CORRUPT", (error as Error).message, { cause: error });
    }
  };
  const record = parse(row.record) as unknown as TickRecord;
  if (row.output === undefined) return { hash: row.hash, record };
  return { hash: row.hash, record, output: parse(row.output) as TickOutput };
}

/** The `events` of a stream: names between commas; undefined when it is absent, for all. */
function eventNames(text: string | undefined): ReadonlySet<EventName> | undefined {
  if (text === undefined) return undefined;
  return new Set(text.split(",").map((name) => oneOf("events", name, EVENT_NAMES)!));
}
