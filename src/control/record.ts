import type { Json } from "../core/json.ts";
import type { LogRow } from "../core/ports/index.ts";
import type { AgentApp } from "./app.ts";
import type { TickOutput, TickRecord } from "../core/trajectory.ts";
import { OpenAgentsError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { logSize } from "../core/pages.ts";
import type { Runtime } from "../core/runtime.ts";
import { HttpError } from "./problem.ts";
import { numberedPage } from "./page.ts";
import type { NumberedPage } from "./page.ts";
import { agentRef, oneOf, wholeNumber } from "./query.ts";
import { streamPosition } from "./agent-feed.ts";
import { tickStream } from "./stream.ts";
import { EVENT_NAMES } from "./tick-events.ts";
import type { EventName } from "./tick-events.ts";

/** A row of the trajectory, parsed. */
export interface TickView {
  readonly hash: string;
  readonly record: TickRecord;
  readonly output?: TickOutput | undefined;
}

/** Routes over an agent's record: what it did, and what it does now. */
export function recordRoutes(app: AgentApp, stopping: AbortSignal | undefined): void {
  app.get("/agents/:ref/ticks", async (c) => {
    const page = await rowsOf(c.env.runtime, c.req.param("ref"), c.req.query());
    return c.json({ ...page, items: page.items.map(view) });
  });

  app.get("/agents/:ref/ticks/:n", async (c) => {
    const ref = agentRef(c.req.param("ref"));
    const max = Number.MAX_SAFE_INTEGER;
    const n = wholeNumber("n", c.req.param("n"), { min: 1, max, default: 1 });
    const [row] = await c.env.runtime.log(ref, n - 1, 1);
    if (row?.n !== n) throw new OpenAgentsError("NOT_FOUND", `Cannot find tick ${n} of "${ref}"`);
    return c.json(view(row));
  });

  app.get("/agents/:ref/trajectory", async (c) => {
    return c.json(await rowsOf(c.env.runtime, c.req.param("ref"), c.req.query()));
  });

  app.get("/agents/:ref/trajectory/verify", async (c) =>
    c.json(await c.env.runtime.verify(agentRef(c.req.param("ref")))),
  );

  app.get("/agents/:ref/stream", async (c) => {
    // Answered as GET without its body, it would leave a stream open that nobody reads.
    if (c.req.method === "HEAD") {
      throw new HttpError(405, "INVALID", "Cannot HEAD a stream: only GET is possible here", {
        allow: "GET",
      });
    }
    const ref = agentRef(c.req.param("ref"));
    const resume = c.req.header("last-event-id") ?? c.req.query("after");
    const stream = await tickStream(c.env.runtime, ref, {
      from: resume === undefined || resume === "" ? undefined : streamPosition(resume),
      events: eventNames(c.req.query("events")),
      signal: stopping,
    });
    return c.body(stream, 200, {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    });
  });
}

/** The `events` of a stream: names between commas; undefined when it is absent, for all. */
function eventNames(text: string | undefined): ReadonlySet<EventName> | undefined {
  if (text === undefined) return undefined;
  return new Set(text.split(",").map((name) => oneOf("events", name, EVENT_NAMES)!));
}

async function rowsOf(
  runtime: Pick<Runtime, "log">,
  name: string,
  query: Readonly<Record<string, string>>,
): Promise<NumberedPage<LogRow>> {
  const ref = agentRef(name);
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
