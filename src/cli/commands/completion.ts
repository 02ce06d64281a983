import { Argument } from "commander";
import type { Command } from "commander";

const SHELLS = ["bash", "zsh", "fish"] as const;

/** `agentctl completion`. */
export function completionCommand(program: Command): void {
  program
    .command("completion")
    .description("print a script that completes agentctl's commands in a shell")
    .addArgument(new Argument("<shell>", SHELLS.join(", ")).choices(SHELLS))
    .addHelpText("after", HELP)
    .action(async (shell: (typeof SHELLS)[number]) => {
      process.stdout.write(await completionScript(shell));
    });
}

/** The script for a shell, made of all commands. */
export async function completionScript(shell: (typeof SHELLS)[number]): Promise<string> {
  const { programFor } = await import("../program.ts");
  const { completionTable } = await import("../completion/table.ts");
  const table = completionTable(await programFor());
  if (shell === "bash") return (await import("../completion/bash.ts")).bashCompletion(table);
  if (shell === "zsh") return (await import("../completion/zsh.ts")).zshCompletion(table);
  return (await import("../completion/fish.ts")).fishCompletion(table);
}

const HELP = `
To have it in every shell:
  bash  echo 'source <(agentctl completion bash)' >> ~/.bashrc
  zsh   echo 'source <(agentctl completion zsh)' >> ~/.zshrc
  fish  agentctl completion fish > ~/.config/fish/completions/agentctl.fish`;
