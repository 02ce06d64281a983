import type { Command } from "commander";
import type { MoveStep } from "../../control/remote-runtime.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import { FORWARD_POLICIES } from "../../core/move.ts";
import { agentPath, homeOf, outputOf } from "../command.ts";
import { otherHome, otherHomeOptions } from "../other-home.ts";
import type { OtherHome } from "../other-home.ts";
import type { Output } from "../output.ts";
import { sizeText } from "../output.ts";
import type { Progress } from "../progress.ts";
import { showProgress } from "../progress.ts";
import { shellQuote } from "../shell-quote.ts";
import { durationMs, notEmpty, oneOf } from "../usage-error.ts";

interface MoveOptions extends OtherHome {
  readonly policy?: string;
  readonly mode?: string;
  readonly name?: string;
  readonly wait: string;
}

/** `agentctl move`. */
export function moveCommand(program: Command): void {
  otherHomeOptions(
    program
      .command("move <name>")
      .description("move an agent to another home; run again, it goes on from where it ended")
      .option("--to <url>", "the address of its new home, as its old one reaches it")
      .option(
        "--policy <policy>",
        "what its old home does with its mail: forward or refuse",
        "forward",
      )
      .option("--mode <mode>", "restore, or migrate when its definition is newer there", "restore")
      .option("--name <name>", "another name there")
      .option("--wait <duration>", "when its old home takes it back if it has not left", "5m"),
  ).action(async (name: string, options: MoveOptions, command: Command) => {
    await move(command, name, options);
  });
}

async function move(command: Command, name: string, options: MoveOptions): Promise<void> {
  const out = outputOf(command);
  // Loaded where it is needed, as in bundle.ts.
  const { moveAgent, remoteRuntime } = await import("../../control/remote-runtime.ts");
  const policy = oneOf("--policy", options.policy, FORWARD_POLICIES);
  const mode = oneOf("--mode", options.mode, ["restore", "migrate"] as const);
  const wait = durationMs("--wait", options.wait);
  agentPath(name);
  const here = homeOf(command);
  const there = otherHome(options);
  const steps = saySteps(out, { name, from: here.url, to: there.url });
  const { signal, stop } = interrupts(out);
  try {
    const { agent, bytes, warnings } = await moveAgent(
      { from: remoteRuntime(here), to: remoteRuntime(there) },
      name,
      {
        url: there.url,
        name: notEmpty("--name", options.name),
        policy,
        mode,
        wait,
        signal,
        onStep: steps.step,
      },
    );
    steps.end();
    // Whoever interrupted it was too late.
    process.exitCode = undefined;
    if (out.json) out.document({ agent, from: here.url, to: there.url, bytes, warnings });
    else out.print(agent.id);
    const where =
      options.toData === undefined
        ? `--url ${shellQuote(there.url)}`
        : `--data ${shellQuote(options.toData)}`;
    out.talk(
      `${name} lives at ${there.url} now. Talk to it with: agentctl ${where} send ${agent.name} "hello" --wait`,
    );
  } finally {
    steps.end();
    stop();
  }
}

/** Says how far a move is; how many bytes have gone over only where somebody looks on. */
function saySteps(
  out: Output,
  { name, from, to }: { readonly name: string; readonly from: string; readonly to: string },
): { readonly step: (step: MoveStep) => void; readonly end: () => void } {
  let bytes = 0;
  let sending: Progress | undefined;
  const end = (): void => sending?.end();
  const step = (now: MoveStep): void => {
    if (now.step === "sending") {
      sending ??= showProgress({ what: `Sending it to ${to}` });
      sending.add(now.bytes - bytes);
      bytes = now.bytes;
      return;
    }
    end();
    if (now.step === "leaving") out.talk(`${name} leaves ${from} and takes no mail meanwhile.`);
    else if (now.step === "taken in") {
      out.talk(`All of it is at ${to}: ${sizeText(now.bytes)}.`);
      for (const warning of now.warnings) out.talk(`Warning: ${warning}`);
    } else if (now.step === "departed") out.talk(`It has left ${from}.`);
  };
  return { step, end };
}

/** Ends a move at the first Ctrl-C, so that the agent stays, and the program at the second. */
function interrupts(out: Output): { readonly signal: AbortSignal; readonly stop: () => void } {
  const controller = new AbortController();
  const onSignal = (): void => {
    if (controller.signal.aborted) process.exit(130);
    out.talk("Ending the move; once more to end at once. Run it again to see where it is.");
    process.exitCode = 130;
    controller.abort(new OpenAgentsError("CANCELLED", "Cannot move: it was interrupted"));
  };
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, onSignal);
  return {
    signal: controller.signal,
    stop() {
      for (const name of ["SIGINT", "SIGTERM"] as const) process.off(name, onSignal);
    },
  };
}
