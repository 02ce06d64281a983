import { readFileSync } from "node:fs";
import { text as readAll } from "node:stream/consumers";
import type { Command } from "commander";
import { checkDraft } from "../../core/draft-envelope.ts";
import type { DraftEnvelope, Routing } from "../../core/draft-envelope.ts";
import { OpenAgentsError, errorInfo } from "../../core/errors.ts";
import type { ErrorInfo } from "../../core/errors.ts";
import type { Plumber } from "../../drivers/plumber.ts";
import { outputOf } from "../command.ts";
import type { Output } from "../output.ts";
import { notEmpty, UsageError } from "../usage-error.ts";

interface PlumbOptions {
  readonly dryRun?: true;
  readonly envelope?: string;
}

/** `agentctl plumb`: what rules would do. It needs no agentd. */
export function plumbCommand(program: Command): void {
  program
    .command("plumb <file>")
    .description("check rules, and show what they would do")
    .option("--dry-run", "change nothing: there is no other way so far")
    .option("--envelope <file>", 'envelopes to route, as JSON or one a line; "-" for stdin')
    .action(async (file: string, options: PlumbOptions, command: Command) => {
      if (options.dryRun !== true) {
        throw new UsageError(
          `Cannot plumb "${file}": rules come to hold by "agentd --plumb FILE": add --dry-run to see what they would do`,
        );
      }
      const source = notEmpty("--envelope", options.envelope);
      const out = outputOf(command);
      const plumber = await compile(file, out);
      if (source === undefined) {
        const { rules } = plumber;
        if (out.json) out.document({ file, rules });
        else
          out.print(`${file}: ${rules.length} ${rules.length === 1 ? "rule" : "rules"}, no error`);
        return;
      }
      const drafts = draftsOf(await readText(source), source);
      const results = drafts.map((draft) => route(plumber, draft));
      if (out.json) for (const result of results) out.row(result);
      else out.table(["ENVELOPE", "OUTCOME", "TO", "RULE", "WHY"], results.flatMap(rowsOf));
      if (results.some(({ error }) => error !== undefined)) process.exitCode = 1;
    });
}

/** @throws RulesError, whose problems are also printed when JSON is asked for */
async function compile(file: string, out: Output): Promise<Plumber> {
  // Loaded where they are needed: YAML and JSON path take longer than all else of the help.
  const { readRulesFile } = await import("../../backends/local/plumber-file.ts");
  const { compileRules, RulesError } = await import("../../drivers/plumber.ts");
  try {
    return compileRules(readRulesFile(file), { file });
  } catch (error) {
    if (out.json && error instanceof RulesError) out.document({ file, problems: error.problems });
    throw error;
  }
}

async function readText(source: string): Promise<string> {
  if (source === "-") return readAll(process.stdin);
  try {
    return readFileSync(source, "utf8");
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const problem = code === "ENOENT" ? "there is no such file" : message;
    throw new OpenAgentsError(
      code === "ENOENT" ? "NOT_FOUND" : "DENIED",
      `Cannot read envelopes "${source}": ${problem}`,
    );
  }
}

const FIELDS: readonly string[] = [
  "id",
  "sentAt",
  "source",
  "from",
  "to",
  "toName",
  "type",
  "payload",
  "replyTo",
  "traceId",
  "seq",
  "expiresAt",
  "priority",
  "headers",
] satisfies readonly (keyof DraftEnvelope)[];

/** One document, a list of them, or one a line; what an envelope leaves out is filled in. */
function draftsOf(text: string, source: string): readonly DraftEnvelope[] {
  const now = Date.now();
  return documentsOf(text, source).map((given, i) => {
    const what = `envelope ${i + 1} of "${source}"`;
    if (typeof given !== "object" || given === null || Array.isArray(given)) {
      throw new UsageError(`Cannot read ${what}: it must be an object`);
    }
    const unknown = Object.keys(given).find((name) => !FIELDS.includes(name));
    if (unknown !== undefined) {
      throw new UsageError(
        `Cannot read ${what}: an envelope has no "${unknown}", there are: ${FIELDS.join(", ")}`,
      );
    }
    const draft: unknown = {
      id: `draft-${i + 1}`,
      sentAt: now,
      source: "http",
      from: "somebody",
      type: "event",
      payload: null,
      ...given,
    };
    try {
      checkDraft(draft);
    } catch (error) {
      throw new UsageError(`Cannot read ${what}: ${(error as Error).message}`);
    }
    return draft;
  });
}

function documentsOf(text: string, source: string): readonly unknown[] {
  let whole: unknown;
  try {
    whole = JSON.parse(text);
  } catch {
    return text.split("\n").flatMap((line, i) => {
      if (line.trim() === "") return [];
      try {
        return [JSON.parse(line) as unknown];
      } catch (error) {
        throw new UsageError(
          `Cannot read envelopes "${source}" line ${i + 1}: ${(error as Error).message}`,
        );
      }
    });
  }
  return Array.isArray(whole) ? whole : [whole];
}

/** What would become of an envelope; an error in place of that when it would be refused. */
type Result = { readonly id: string; readonly error?: ErrorInfo } & Partial<Routing>;

function route(plumber: Plumber, draft: DraftEnvelope): Result {
  const { id } = draft;
  try {
    return { id, ...plumber.route(draft) };
  } catch (error) {
    return { id, error: errorInfo(error) };
  }
}

function rowsOf({ id, routed = [], dropped, changedBy = [], unrouted, error }: Result): string[][] {
  const changed = changedBy.length === 0 ? "" : `changed by ${changedBy.join(", ")}`;
  const rows = routed.map(({ rule, envelope: { to } }) => [id, "sent", to, rule, changed]);
  if (dropped !== undefined) rows.push([id, "dropped", "-", dropped.rule, dropped.reason]);
  if (unrouted === true) rows.push([id, "unrouted", "-", "-", "no rule is for it"]);
  if (error !== undefined) rows.push([id, "refused", "-", "-", error.message]);
  return rows;
}
