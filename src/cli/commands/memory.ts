import type { Command } from "commander";
import type { AlarmInfo } from "../../core/operations.ts";
import type { FileText, MemoryHit } from "../../core/ports/memory.ts";
import { ALL_AREAS } from "../../core/search.ts";
import { allItems } from "../all-items.ts";
import { agentPath, toolsOf } from "../command.ts";
import { intervalText } from "../interval-text.ts";
import { payloadText, sizeText } from "../output.ts";
import { oneOf, wholeNumber } from "../usage-error.ts";

/** Where all files are that an agent remembers by. */
const ROOT = "memory/";
/** Characters of a file that stand in a list. */
const SHOWN = 80;

interface SearchOptions {
  readonly in?: string;
  readonly limit: string;
}

/** `agentctl memory` and `agentctl alarms`: what an agent remembers, and waits for. */
export function memoryCommands(program: Command): void {
  const memory = program
    .command("memory")
    .argument("<name>")
    .argument("[prefix]")
    .description(
      "what an agent remembers beside its state, as files; all of one when named in full; search",
    )
    .action(async (name: string, prefix = "", _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const full = storedPath(prefix);
      const path = agentPath(name, `/memory?prefix=${encodeURIComponent(full)}`);
      const files = await allItems<FileText>(client, path, "after");
      if (out.json) return out.document(files);
      const [first] = files;
      if (first === undefined) {
        return out.talk(
          prefix === ""
            ? `Nothing. What it has in its state: agentctl state ${name}`
            : `Nothing below /${full}. See all that there is with: agentctl memory ${name}`,
        );
      }
      if (files.length === 1 && first.path === full) return out.print(first.value);
      return out.table(
        ["PATH", "SIZE", "VALUE"],
        files.map(({ path, value }) => [
          `/${path}`,
          sizeText(Buffer.byteLength(value)),
          beginning(value),
        ]),
      );
    });
  memory
    .command("search <name> <words...>")
    .description('find what an agent remembers that has all of the words; "sail*" for a beginning')
    .option("--in <areas>", `where to look, with commas between: ${ALL_AREAS.join(", ")}`)
    .option("--limit <number>", "how many to show, up to 100", "10")
    .action(async (name: string, words: string[], given: SearchOptions, command: Command) => {
      const limit = wholeNumber("--limit", given.limit, { min: 1, max: 100 });
      const areas = given.in?.split(",").map((area) => oneOf("--in", area.trim(), ALL_AREAS)!);
      const { client, out } = toolsOf(command);
      const query = new URLSearchParams({ q: words.join(" "), limit: String(limit) });
      if (areas !== undefined) query.set("in", areas.join(","));
      const path = agentPath(name, `/memory/search?${query.toString()}`);
      const { items } = await client.page<MemoryHit>(path);
      if (out.json) return out.document(items);
      if (items.length === 0) {
        return out.talk(
          `Nothing has all of these words. See what there is: agentctl memory ${name}`,
        );
      }
      return out.table(
        ["PATH", "TEXT"],
        items.map(({ path: where, text }) => [where, text]),
      );
    });
  program
    .command("alarms <name>")
    .description("list the alarms that an agent has set")
    .action(async (name: string, _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const alarms = await allItems<AlarmInfo>(client, agentPath(name, "/alarms"), "after");
      if (out.json) return out.document(alarms);
      if (alarms.length === 0) {
        return out.talk(`None. To wake it by time: agentctl schedule create ${name} --every 1h`);
      }
      return out.table(
        ["ID", "DUE", "AGAIN", "PAYLOAD"],
        [...alarms]
          .sort((a, b) => a.at - b.at)
          .map((alarm) => [
            alarm.id,
            out.time(alarm.at),
            againText(alarm),
            alarm.payload === null ? "" : payloadText(alarm.payload),
          ]),
      );
    });
}

/** Of a path in the agent's tree, or one below what it remembers: as the store has it. */
function storedPath(typed: string): string {
  const path = typed.replace(/^\/+/, "");
  return path === "memory" || path.startsWith(ROOT) ? ROOT + path.slice(ROOT.length) : ROOT + path;
}

/** As much of a text as a list has room for: all of it is there as JSON, and where its file is named. */
function beginning(text: string): string {
  return text.length <= SHOWN ? text : `${text.slice(0, SHOWN).toWellFormed()}…`;
}

function againText({ every, cron, timeZone }: AlarmInfo): string {
  if (cron !== undefined) return `${cron} (${timeZone ?? "UTC"})`;
  return every === undefined ? "-" : `every ${intervalText(every)}`;
}
