import type { Command } from "commander";
import { errorInfo } from "../core/errors.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { hintFor } from "./hints.ts";
import { UsageError } from "./usage-error.ts";

/** Commands that make or find files and contexts, and no agents. */
const NO_AGENTS: ReadonlySet<string> = new Set([
  "init",
  "build",
  "backup",
  "restore",
  "context",
  "plumb",
  "umount",
]);

/** How long a home is asked what somebody who mistyped a name may have meant, ms. */
const ASK_FOR = 1000;

/** The exit code for anything thrown, said on stderr where nobody has said it yet. */
async function report(error: unknown, command: Command | undefined): Promise<number> {
  if (isCommanderError(error)) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const { code, message } = errorInfo(error);
  process.stderr.write(`agentctl: ${message}\n`);
  const names: string[] = [];
  for (let at = command; at != null; at = at.parent ?? undefined) names.push(at.name());
  const ofContext = message.startsWith("Cannot use context");
  if (!ofContext && !names.some((name) => NO_AGENTS.has(name))) {
    const meant = code === "NOT_FOUND" ? await meantFor(message, command) : [];
    const hint = hintFor(code, message);
    if (meant.length > 0)
      process.stderr.write(`Did you mean ${meant.join(" or ")}? All there are: agentctl list\n`);
    else if (hint !== undefined) process.stderr.write(`${hint}\n`);
  }
  return error instanceof UsageError ? EXIT.usage : exitCodeOf(code);
}

// Not by its class, which would be loaded for that.
function isCommanderError(error: unknown): error is { readonly exitCode: number } {
  return error instanceof Error && error.name === "CommanderError" && "exitCode" in error;
}

/** The names of agents that one which is not there may have been meant for. */
async function meantFor(message: string, command: Command | undefined): Promise<readonly string[]> {
  const [, plain, ofPath] =
    /There is no agent "([^"]+)"|"(?:\/agents\/)?([^"/:]+)[^"]*": there is no such agent/.exec(
      message,
    ) ?? [];
  const typed = plain ?? ofPath;
  if (typed === undefined || command === undefined) return [];
  const { agentNames } = await import("./agent-names.ts");
  const { homeOf } = await import("./command.ts");
  const { similar } = await import("./similar.ts");
  return similar(typed, await agentNames(homeOf(command), ASK_FOR));
}

async function main(words: readonly string[]): Promise<void> {
  if (words[0] === "__complete") return (await import("./complete.ts")).complete(words.slice(1));
  if (words.length === 0) return (await import("./overview.ts")).overview();
  let running: Command | undefined;
  try {
    const { programFor } = await import("./program.ts");
    const program = await programFor(words);
    program.hook("preAction", (_program, command) => {
      running = command;
    });
    await program.parseAsync();
  } catch (error) {
    const code = await report(error, running);
    // Whoever was interrupted has said so already.
    process.exitCode ??= code;
  }
}

process.stdout.on("error", ({ code, message }: NodeJS.ErrnoException) => {
  // Whoever reads us has read enough.
  if (code === "EPIPE") process.exit(EXIT.ok);
  process.stderr.write(`agentctl: Cannot write: ${message}\n`);
  process.exit(EXIT.failed);
});

await main(process.argv.slice(2));
