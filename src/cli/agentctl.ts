import { Command, CommanderError } from "commander";
import { errorInfo } from "../core/errors.ts";
import { commonOptions } from "./command.ts";
import { agentCommands } from "./commands/agents.ts";
import { buildCommand } from "./commands/build.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { initCommand } from "./commands/init.ts";
import { keyFileCommands } from "./commands/key-files.ts";
import { keyCommands } from "./commands/keys.ts";
import { mailCommands } from "./commands/mail.ts";
import { peerCommands } from "./commands/peers.ts";
import { recordCommands } from "./commands/record.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { UsageError } from "./usage-error.ts";
import { packageVersion } from "./version.ts";

const HINTS: Readonly<Record<string, string>> = {
  NOT_FOUND: 'See what there is with "agentctl list"',
  TERMINATED: 'Make a new one with "agentctl create NAME --type TYPE"',
  EXISTS: 'See what there is with "agentctl list", or choose another name',
};

/** Commands that make or find files, and no agents. */
const OF_FILES: ReadonlySet<string> = new Set(["init", "build", "backup", "restore"]);

function program(): Command {
  const program = commonOptions(new Command("agentctl"))
    .description("Manages the agents of an agentd")
    .version(packageVersion())
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(see "agentctl --help")')
    .exitOverride();
  agentCommands(program);
  mailCommands(program);
  recordCommands(program);
  peerCommands(program);
  keyFileCommands(keyCommands(program));
  doctorCommand(program);
  initCommand(program);
  buildCommand(program);
  return program;
}

/** The exit code for anything thrown, said on stderr where nobody has said it yet. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const { code, message } = errorInfo(error);
  process.stderr.write(`agentctl: ${message}\n`);
  const hint = HINTS[code];
  const aboutFiles = process.argv.slice(2).some((word) => OF_FILES.has(word));
  if (hint !== undefined && !aboutFiles) process.stderr.write(`${hint}\n`);
  return error instanceof UsageError ? EXIT.usage : exitCodeOf(code);
}

// Whoever reads us has read enough.
process.stdout.on("error", () => process.exit(EXIT.ok));

try {
  await program().parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
