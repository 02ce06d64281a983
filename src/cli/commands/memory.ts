import type { Command } from "commander";
import type { AlarmInfo } from "../../core/operations.ts";
import type { FileText } from "../../core/ports/memory.ts";
import { allItems } from "../all-items.ts";
import { agentPath, toolsOf } from "../command.ts";
import { intervalText } from "../interval-text.ts";
import { payloadText, sizeText } from "../output.ts";

/** Where all files are that an agent remembers by. */
const ROOT = "memory/";

/** `agentctl memory` and `agentctl alarms`: what an agent remembers, and waits for. */
export function memoryCommands(program: Command): void {
  program
    .command("memory <name> [prefix]")
    .description(
      "what an agent remembers beside its state, as files; all of one when named in full",
    )
    .action(async (name: string, prefix = "", _options: unknown, command: Command) => {
      const { client, out } = toolsOf(command);
      const full = prefix.startsWith(ROOT) ? prefix : `${ROOT}${prefix}`;
      const path = agentPath(name, `/memory?prefix=${encodeURIComponent(full)}`);
      const files = await allItems<FileText>(client, path, "after");
      if (out.json) return out.document(files);
      const [first] = files;
      if (first === undefined) {
        return out.talk(
          prefix === ""
            ? `Nothing. What it has in its state: agentctl state ${name}`
            : `Nothing below ${full}. See all that there is with: agentctl memory ${name}`,
        );
      }
      if (files.length === 1 && first.path === full) return out.print(first.value);
      return out.table(
        ["PATH", "SIZE", "VALUE"],
        files.map(({ path, value }) => [path, sizeText(Buffer.byteLength(value)), value]),
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

function againText({ every, cron, timeZone }: AlarmInfo): string {
  if (cron !== undefined) return `${cron} (${timeZone ?? "UTC"})`;
  return every === undefined ? "-" : `every ${intervalText(every)}`;
}
