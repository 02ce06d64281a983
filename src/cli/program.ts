import { Command } from "commander";
import { PACKAGE_VERSION } from "../core/version.ts";
import { commonOptions } from "./command.ts";

/** Commands that one module adds to the program. */
interface Group {
  /** Their names, by which the module is found without being loaded. */
  readonly commands: readonly string[];
  readonly load: () => Promise<(program: Command) => void>;
}

/** All commands, in the order of the help. One is added by a line here, or by a name in one. */
export const GROUPS: readonly Group[] = [
  {
    commands: ["create", "list", "info", "status", "state", "tick", "wake", "hibernate", "delete"],
    load: async () => (await import("./commands/agents.ts")).agentCommands,
  },
  {
    commands: ["pause", "resume", "cancel"],
    load: async () => (await import("./commands/interrupt.ts")).interruptCommands,
  },
  {
    commands: ["edit"],
    load: async () => (await import("./commands/edit.ts")).editCommand,
  },
  {
    commands: ["top"],
    load: async () => (await import("./commands/top.ts")).topCommand,
  },
  {
    commands: ["send"],
    load: async () => (await import("./commands/send.ts")).sendCommand,
  },
  {
    commands: ["inbox", "deadletter"],
    load: async () => (await import("./commands/mail.ts")).mailCommands,
  },
  {
    commands: ["schedule"],
    load: async () => (await import("./commands/schedule.ts")).scheduleCommands,
  },
  {
    commands: ["goals"],
    load: async () => (await import("./commands/goals.ts")).goalCommands,
  },
  {
    commands: ["memory", "alarms"],
    load: async () => (await import("./commands/memory.ts")).memoryCommands,
  },
  {
    commands: ["ticks", "logs", "trajectory"],
    load: async () => (await import("./commands/record.ts")).recordCommands,
  },
  {
    commands: ["stream"],
    load: async () => (await import("./commands/stream.ts")).streamCommand,
  },
  {
    commands: ["metrics"],
    load: async () => (await import("./commands/metrics.ts")).metricsCommand,
  },
  {
    commands: ["fs"],
    load: async () => (await import("./commands/fs.ts")).fsCommands,
  },
  {
    commands: ["mount", "umount"],
    load: async () => (await import("./commands/mount.ts")).mountCommands,
  },
  {
    commands: ["peers", "resolve"],
    load: async () => (await import("./commands/peers.ts")).peerCommands,
  },
  {
    commands: ["runtime"],
    load: async () => (await import("./commands/runtime.ts")).runtimeCommands,
  },
  {
    commands: ["tokens"],
    load: async () => (await import("./commands/tokens.ts")).tokenCommands,
  },
  {
    commands: ["secret"],
    load: async () => (await import("./commands/secrets.ts")).secretCommands,
  },
  {
    commands: ["webhooks"],
    load: async () => (await import("./commands/webhooks.ts")).webhookCommands,
  },
  {
    commands: ["export", "import"],
    load: async () => (await import("./commands/bundle.ts")).bundleCommands,
  },
  {
    commands: ["move"],
    load: async () => (await import("./commands/move.ts")).moveCommand,
  },
  {
    commands: ["unlock", "keys"],
    load: async () => {
      const { keyCommands } = await import("./commands/keys.ts");
      const { keyFileCommands } = await import("./commands/key-files.ts");
      return (program) => keyFileCommands(keyCommands(program));
    },
  },
  {
    commands: ["context"],
    load: async () => (await import("./commands/context.ts")).contextCommands,
  },
  {
    commands: ["doctor"],
    load: async () => (await import("./commands/doctor.ts")).doctorCommand,
  },
  {
    commands: ["init"],
    load: async () => (await import("./commands/init.ts")).initCommand,
  },
  {
    commands: ["build"],
    load: async () => (await import("./commands/build.ts")).buildCommand,
  },
  {
    commands: ["plumb"],
    load: async () => (await import("./commands/plumb.ts")).plumbCommand,
  },
  {
    commands: ["completion"],
    load: async () => (await import("./commands/completion.ts")).completionCommand,
  },
];

/**
 * The program, for the words that were typed: with the commands that these name, as each costs time at the
 * start, or with all, when the first word is none; without words, with all.
 */
export async function programFor(words: readonly string[] = []): Promise<Command> {
  const program = commonOptions(new Command("agentctl"))
    .description("Manages the agents of an agentd")
    .version(PACKAGE_VERSION)
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(see "agentctl --help")')
    .exitOverride();
  const operands = words.filter((word) => !word.startsWith("-"));
  const named = GROUPS.filter(({ commands }) => commands.some((name) => operands.includes(name)));
  // It may be the value of an option as well; then all are there, and commander finds the command.
  const first = named.some(({ commands }) => commands.includes(operands[0] ?? ""));
  const bare = words.length === 1 && /^(-V|--version)$/.test(words[0]!);
  const groups = bare ? [] : first ? named : GROUPS;
  for (const add of await Promise.all(groups.map(({ load }) => load()))) add(program);
  return program;
}
