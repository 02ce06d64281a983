import type { Command } from "commander";
import { MISSED_POLICIES, SCHEDULE_TYPES } from "../../drivers/scheduler.ts";
import type { NewSchedule, Schedule } from "../../drivers/scheduler.ts";
import type { Json } from "../../core/json.ts";
import { allItems } from "../all-items.ts";
import { toolsOf, wordOption } from "../command.ts";
import { intervalText } from "../interval-text.ts";
import type { Output } from "../output.ts";
import { UsageError } from "../usage-error.ts";

interface CreateOptions {
  readonly id?: string;
  readonly cron?: string;
  readonly zone?: string;
  readonly every?: string;
  readonly start?: string;
  readonly at?: string;
  readonly type?: NewSchedule["type"];
  readonly missed?: NewSchedule["missed"];
  readonly payload?: true;
  readonly paused?: true;
}

/** `agentctl schedule …`. */
export function scheduleCommands(program: Command): void {
  const schedule = program
    .command("schedule")
    .description("what is sent to agents by time: create, list, info, pause, resume, delete");
  schedule
    .command("create <agent> [text]")
    .description("send a text to an agent by time")
    .option("--cron <expression>", 'when, such as "0 9 * * 1-5"')
    .option("--zone <zone>", "the time zone of --cron, such as Europe/Berlin (default: UTC)")
    .option("--every <duration>", "how often, such as 10s or 1h30m")
    .option("--start <time>", "the first time of --every (default: one interval from now)")
    .option("--at <time>", "once, such as 2026-03-01T09:00:00Z")
    .option("--id <id>", "its id (default: a new one)")
    .addOption(
      wordOption("--missed <policy>", "times that passed while nothing ran (default: once)", [
        ...MISSED_POLICIES,
      ]),
    )
    .addOption(
      wordOption("--type <type>", "what it is to the agent (default: alarm)", [...SCHEDULE_TYPES]),
    )
    .option("--payload", "the text is JSON")
    .option("--paused", "it does not fire before it is resumed")
    .action(create);
  schedule
    .command("list")
    .description("list schedules")
    .action(async (_options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      listTable(out, await allItems<Schedule>(client, "/schedules"));
    });
  schedule
    .command("info <id>")
    .description("print a schedule")
    .action(async (id: string, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      show(out, await client.get<Schedule>(pathOf(id)));
    });
  for (const [verb, description] of [
    ["pause", "have a schedule fire no more until it is resumed"],
    ["resume", "have a schedule go on, from its first time from now on"],
  ] as const) {
    schedule
      .command(`${verb} <id>`)
      .description(description)
      .action(async (id: string, _options: unknown, command: Command) => {
        const { client, out } = toolsOf(command);
        const after = await client.post<Schedule>(`${pathOf(id)}/${verb}`);
        if (out.json) out.document(after);
        else
          out.talk(verb === "pause" ? `${id} is paused.` : `${id} is due ${out.time(after.due)}.`);
      });
  }
  schedule
    .command("delete <id>")
    .description("take a schedule away")
    .action(async (id: string, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      await client.delete(pathOf(id));
      if (out.json) out.document({ id, done: "delete" });
      else out.talk(`Deleted ${id}.`);
    });
}

async function create(
  agent: string,
  text: string | undefined,
  options: CreateOptions,
  command: Command,
): Promise<void> {
  const { zone, payload: isJson, ...given } = options;
  if ([given.cron, given.every, given.at].filter((value) => value !== undefined).length !== 1) {
    throw new UsageError("Cannot schedule: give exactly one of --cron, --every and --at");
  }
  const { client, out } = toolsOf(command);
  const body: NewSchedule = {
    agent,
    ...NAMES.reduce((some, name) => ({ ...some, ...pick(given, name) }), {}),
    ...(zone !== undefined && { timeZone: zone }),
    ...(text !== undefined && { payload: isJson === true ? jsonOf(text) : text }),
  };
  const made = await client.post<Schedule>("/schedules", { body });
  if (out.json) {
    out.document(made);
    return;
  }
  out.print(made.id);
  out.talk(made.due === undefined ? "It is paused." : `It is due ${out.time(made.due)}.`);
}

/** Options that are called as the API calls them. */
const NAMES = ["id", "cron", "every", "start", "at", "type", "missed", "paused"] as const;

function pick(options: CreateOptions, name: (typeof NAMES)[number]): Partial<CreateOptions> {
  return options[name] === undefined ? {} : { [name]: options[name] };
}

function jsonOf(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    throw new UsageError(`Cannot read the text as JSON: ${(error as Error).message}`);
  }
}

function pathOf(id: string): string {
  return `/schedules/${encodeURIComponent(id)}`;
}

function listTable(out: Output, schedules: readonly Schedule[]): void {
  if (out.json) {
    out.document(schedules);
    return;
  }
  if (schedules.length === 0) {
    out.talk('None. Make one with "agentctl schedule create AGENT --every 1h".');
    return;
  }
  out.table(
    ["ID", "AGENT", "WHEN", "STATUS", "DUE", "FIRED", "ERROR"],
    schedules.map((one) => [
      one.id,
      one.agent,
      whenText(out, one),
      one.status,
      out.time(one.due),
      String(one.fired),
      one.lastError?.code ?? "",
    ]),
  );
}

function show(out: Output, one: Schedule): void {
  if (out.json) {
    out.document(one);
    return;
  }
  const { lastError } = one;
  const lines: readonly (readonly [string, string | undefined])[] = [
    ["id", one.id],
    ["agent", one.agent],
    ["when", whenText(out, one)],
    ["missed", one.missed],
    ["type", one.type],
    ["payload", JSON.stringify(one.payload)],
    ["status", one.status],
    ["due", out.time(one.due)],
    ["fired", `${one.fired}, last for ${out.time(one.lastDue)}`],
    ["retry", one.retryAt === undefined ? undefined : out.time(one.retryAt)],
    ["error", lastError && `${lastError.message} (${lastError.code}, ${out.time(lastError.at)})`],
  ];
  for (const [name, text] of lines) if (text !== undefined) out.print(`${name.padEnd(8)} ${text}`);
}

function whenText(out: Output, { cron, timeZone, every, at }: Schedule): string {
  if (cron !== undefined) return `${cron} (${timeZone ?? "UTC"})`;
  return every === undefined ? `at ${out.time(at)}` : `every ${intervalText(every)}`;
}
