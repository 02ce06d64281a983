import { Command, CommanderError } from "commander";
import { errorInfo } from "../core/errors.ts";
import { PACKAGE_VERSION } from "../core/version.ts";
import { commonOptions } from "./command.ts";
import { agentCommands } from "./commands/agents.ts";
import { buildCommand } from "./commands/build.ts";
import { bundleCommands } from "./commands/bundle.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { initCommand } from "./commands/init.ts";
import { keyFileCommands } from "./commands/key-files.ts";
import { keyCommands } from "./commands/keys.ts";
import { mailCommands } from "./commands/mail.ts";
import { peerCommands } from "./commands/peers.ts";
import { moveCommand } from "./commands/move.ts";
import { plumbCommand } from "./commands/plumb.ts";
import { recordCommands } from "./commands/record.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { UsageError } from "./usage-error.ts";

const HINTS: Readonly<Record<string, string>> = {
  NOT_FOUND: 'See what there is with "agentctl list"',
  MOVED: "Name that home with --url URL and --token TOKEN, or with --data DIR",
  TERMINATED: 'Make a new one with "agentctl create NAME --type TYPE"',
  EXISTS: 'See what there is with "agentctl list", or choose another name',
};

/** Commands that make or find files, and no agents. */
const OF_FILES: ReadonlySet<string> = new Set(["init", "build", "backup", "restore", "plumb"]);

function program(): Command {
  const program = commonOptions(new Command("agentctl"))
    .description("Manages the agents of an agentd")
    .version(PACKAGE_VERSION)
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(see "agentctl --help")')
    .exitOverride();
  agentCommands(program);
  mailCommands(program);
  recordCommands(program);
  peerCommands(program);
  bundleCommands(program);
  moveCommand(program);
  keyFileCommands(keyCommands(program));
  plumbCommand(program);
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

process.stdout.on("error", ({ code, message }: NodeJS.ErrnoException) => {
  // Whoever reads us has read enough.
  if (code === "EPIPE") process.exit(EXIT.ok);
  process.stderr.write(`agentctl: Cannot write: ${message}\n`);
  process.exit(EXIT.failed);
});

try {
  await program().parseAsync();
} catch (error) {
  const code = report(error);
  // Whoever was interrupted has said so already.
  process.exitCode ??= code;
}
