import type { RuntimeStatus } from "../control/shapes/home.ts";
import { errorInfo } from "../core/errors.ts";
import type { Page } from "../core/ports/index.ts";
import type { AgentInfo } from "../core/runtime.ts";
import { PACKAGE_VERSION } from "../core/version.ts";
import { connectionOf, findTarget } from "./connection.ts";
import type { Target } from "./connection.ts";
import { createOutput } from "./output.ts";

/** How long the home is asked, ms. */
const ASK_FOR = 1000;

/** `agentctl` alone: what it is, the home it would talk to, and what to type next. It never fails. */
export async function overview(): Promise<void> {
  const out = createOutput({});
  const { home, state, next } = await look();
  const lines = [
    `agentctl ${PACKAGE_VERSION}: manages the agents of an agentd`,
    "",
    `  home   ${home}`,
    `  state  ${state}`,
    "",
    "Try:",
    ...next.map((line) => `  ${line}`),
    "",
    "All commands: agentctl --help",
  ];
  out.print(lines.join("\n"));
}

interface Look {
  readonly home: string;
  readonly state: string;
  readonly next: readonly string[];
}

async function look(): Promise<Look> {
  let home = "unknown";
  try {
    const target = findTarget({});
    home = named(target);
    const { url, token } = connectionOf(target);
    const headers = { authorization: `Bearer ${token}` };
    const signal = AbortSignal.timeout(ASK_FOR);
    const ask = (path: string): Promise<Response> =>
      fetch(`${url}${path}`, { headers, redirect: "manual", signal });
    const [answer, status] = await Promise.all([ask("/agents?limit=1000"), ask("/runtime/status")]);
    const at = target.url === undefined ? ` at ${url}` : "";
    if (!answer.ok) {
      return { home, state: `it answers ${answer.status}${at}`, next: ["agentctl doctor"] };
    }
    const { items, cursor } = (await answer.json()) as Page<AgentInfo>;
    const more = cursor === undefined ? "" : " and more";
    const stopped = items.filter(({ status }) => status === "failed" || status === "quarantined");
    const wrong = stopped.length === 0 ? "" : `, ${stopped.length} stopped`;
    const count = `${items.length}${more} agent${items.length === 1 ? "" : "s"}`;
    const { paused } = status.ok ? ((await status.json()) as RuntimeStatus) : { paused: false };
    return paused
      ? { home, state: `all ticks are stopped${at}: ${count}${wrong}`, next: RESUME }
      : { home, state: `it runs${at}: ${count}${wrong}`, next: nextFor(items) };
  } catch (error) {
    const { code, message } = errorInfo(error);
    const start = code === "UNREACHABLE" && home.includes('"');
    const late = (error as Error).name === "TimeoutError";
    const state = late ? `no answer within ${ASK_FOR / 1000} s` : plain(error, message);
    return { home, state, next: start ? ["agentd", "agentctl doctor"] : ["agentctl doctor"] };
  }
}

/** What `fetch` says is in its cause. */
function plain(error: unknown, message: string): string {
  const cause = (error as Error).cause as { readonly code?: string } | undefined;
  return cause?.code === undefined ? message : `it does not answer: ${cause.code}`;
}

function named({ source, context, url, dir }: Target): string {
  const by =
    source === "default" ? "" : ` (${source}${context === undefined ? "" : ` ${context}`})`;
  return `${url ?? `"${dir}"`}${by}`;
}

const RESUME = ["agentctl runtime resume", "agentctl list", "agentctl top"];

function nextFor(agents: readonly AgentInfo[]): readonly string[] {
  const name = agents.find(({ status }) => status !== "terminated")?.name;
  if (name === undefined) return ["agentctl create NAME --type TYPE", "agentctl info"];
  return ["agentctl list", "agentctl top", `agentctl send ${name} "hello" --wait`];
}
