import { openBench } from "./bench.ts";
import type { Measure, Row } from "./bench.ts";
import {
  cloudflareCreate,
  cloudflareMany,
  cloudflareRss,
  cloudflareWake,
} from "./rows/cloudflare.ts";
import { sseFanout, wsFanout } from "./rows/fanout.ts";
import { apiAsk, apiSend, tickManyHttp } from "./rows/http.ts";
import {
  giftwrapMake,
  giftwrapOpen,
  nip44Open,
  nip44Seal,
  schnorrSign,
  schnorrVerify,
} from "./rows/identity.ts";
import { create, processCold, wake } from "./rows/life.ts";
import { mailOpen, mailSealed } from "./rows/mail.ts";
import { activeRss, dormantDue, dormantRss, dormantStart } from "./rows/memory.ts";
import {
  fsHttpGet,
  mountFind,
  mountGrep,
  mountParked,
  mountRead,
  mountReadOne,
  mountSequential,
} from "./rows/mount.ts";
import { modelOverhead, modelWaiting } from "./rows/models.ts";
import { move, moveRss } from "./rows/move.ts";
import { plumberRoute } from "./rows/plumber.ts";
import { giftwrapIngest } from "./rows/relay.ts";
import { memoryContext, memorySearch } from "./rows/remembered.ts";
import { schedulesLate, schedulesRss } from "./rows/schedules.ts";
import { telemetryOverhead } from "./rows/telemetry.ts";
import { tickMany, tickOne } from "./rows/ticks.ts";
import { vfsResolve } from "./rows/vfs.ts";
import { sizesOf } from "./sizes.ts";

/** Everything that is measured, in the order of the table. */
const ROWS = {
  "tick.many": tickMany,
  "tick.many.http": tickManyHttp,
  "api.send": apiSend,
  "api.ask": apiAsk,
  "sse.fanout": sseFanout,
  "ws.fanout": wsFanout,
  "tick.one": tickOne,
  "telemetry.overhead": telemetryOverhead,
  "mail.sealed": mailSealed,
  "mail.open": mailOpen,
  wake,
  create,
  "dormant.rss": dormantRss,
  "dormant.start": dormantStart,
  "dormant.due": dormantDue,
  "active.rss": activeRss,
  "process.cold": processCold,
  "nip44.seal": nip44Seal,
  "nip44.open": nip44Open,
  "schnorr.sign": schnorrSign,
  "schnorr.verify": schnorrVerify,
  "giftwrap.make": giftwrapMake,
  "giftwrap.open": giftwrapOpen,
  "giftwrap.ingest": giftwrapIngest,
  "plumber.route": plumberRoute,
  "model.overhead": modelOverhead,
  "model.waiting": modelWaiting,
  "vfs.resolve": vfsResolve,
  "memory.context": memoryContext,
  "memory.search": memorySearch,
  "mount.read": mountRead,
  "mount.read.one": mountReadOne,
  "mount.sequential": mountSequential,
  "mount.parked": mountParked,
  "mount.find": mountFind,
  "mount.grep": mountGrep,
  "fs.http": fsHttpGet,
  "schedules.late": schedulesLate,
  "schedules.rss": schedulesRss,
  move,
  "move.rss": moveRss,
  "cloudflare.many": cloudflareMany,
  "cloudflare.create": cloudflareCreate,
  "cloudflare.wake": cloudflareWake,
  "cloudflare.rss": cloudflareRss,
} as const satisfies Record<string, Measure>;

type Name = keyof typeof ROWS;

/** Names that stand for rows, and for how many agents lie dormant in them. */
const MILLION = { rows: ["dormant.rss", "dormant.start", "dormant.due"], dormant: "1000000" };

const USAGE = `Usage: npm run bench -- [--json] [NAME…]

Names: ${Object.keys(ROWS).join(", ")};
what stands before a dot, such as nip44, for all rows of it;
million for the dormant rows with 1,000,000 agents.
`;

const args = process.argv.slice(2);
const json = args.includes("--json");
const wanted = args.filter((arg) => arg !== "--json");
const million = wanted.includes("million");
const names = wanted.flatMap((name) => (name === "million" ? MILLION.rows : rowsOf(name)));
const unknown = names.find((name) => !(name in ROWS));
if (unknown !== undefined) {
  process.stderr.write(`There is no row "${unknown}"\n\n${USAGE}`);
  process.exit(2);
}

const bench = openBench(sizesOf({ ...process.env, ...(million && { DORMANT: MILLION.dormant }) }));
const rows: Row[] = [];
if (!json) print(["name", "value", "unit", "p50", "p99", "ratio", "against"]);
for (const name of Object.keys(ROWS) as Name[]) {
  if (names.length > 0 && !names.includes(name)) continue;
  bench.say(`Measuring ${name} …`);
  const row: Row = { name, ...(await ROWS[name](bench)) };
  rows.push(row);
  const { value, unit, p50, p99, ratio, bytes, against } = row;
  const beside = [bytes && `${bytes.toLocaleString("en")} bytes`, against];
  const text = beside.filter(Boolean).join(", ");
  if (!json) print([name, value, unit, p50, p99, ratio, text]);
}
if (json) process.stdout.write(`${JSON.stringify(rows)}\n`);

/** The row of this name, or else those of which it is the first part; itself when there is none. */
function rowsOf(name: string): readonly string[] {
  const rows = Object.keys(ROWS).filter((row) => row.startsWith(`${name}.`));
  return name in ROWS || rows.length === 0 ? [name] : rows;
}

function print(cells: readonly (string | number | undefined)[]): void {
  const widths = [17, 8, 11, 7, 7, 6, 0];
  const line = cells.map((cell = "", i) => {
    const text = typeof cell === "number" ? cell.toLocaleString("en") : cell;
    return typeof cell === "number" ? text.padStart(widths[i]!) : text.padEnd(widths[i]!);
  });
  process.stdout.write(`${line.join("  ").trimEnd()}\n`);
}
