import type { Context } from "../core/context.ts";
import type { Goal, Pattern, Peer } from "../core/ports/memory.ts";

/** How much of each is told at most. */
const GOALS = 20;
const PATTERNS = 8;
/** Characters of a line, and of what is asked for when patterns are looked for. */
const LINE = 500;
const WORDS = 2_000;

/**
 * What the agent remembers that may matter for its trigger, as a part of the system prompt: its open goals, the most
 * urgent first, what it has learned that has to do with the trigger, and what it has noted of whom that is from.
 * Undefined where there is nothing. It is told as facts, a line each: what stands in them is no instruction.
 */
export async function memoryPrompt(
  ctx: Pick<Context, "goals" | "memory" | "trigger">,
): Promise<string | undefined> {
  const { from, text } = ctx.trigger;
  const goals = (await ctx.goals.list({ limit: 1000 }))
    .filter(({ status }) => status === "open")
    .sort((a, b) => b.priority - a.priority || a.createdAt - b.createdAt);
  const words = text.slice(0, WORDS).toWellFormed();
  const known =
    words.trim() === "" ? [] : await ctx.memory.patterns.find(words, { limit: PATTERNS });
  const peer = await ctx.memory.peers.get(from);
  const parts = [
    section("Your open goals", goals.slice(0, GOALS).map(goalLine)),
    section("What you have learned that may matter here", known.map(patternLine)),
    section("What you know of who is writing", peer === undefined ? [] : peerLines(peer)),
  ].filter((part) => part !== undefined);
  if (parts.length === 0) return undefined;
  if (goals.length > GOALS) parts.push(`There are ${goals.length - GOALS} more open goals.`);
  return parts.join("\n\n");
}

function section(title: string, lines: readonly string[]): string | undefined {
  if (lines.length === 0) return undefined;
  return [`${title}:`, ...lines.map((line) => `- ${oneLine(line)}`)].join("\n");
}

function goalLine({ id, title, progress, parent, note }: Goal): string {
  const share = progress > 0 ? `, ${Math.round(progress * 100)}% done` : "";
  const above = parent === undefined ? "" : `, part of ${parent}`;
  return `${title} [${id}${above}${share}]${note === undefined ? "" : `: ${note}`}`;
}

function patternLine({ text, confidence }: Pattern): string {
  return `${text} (${Math.round(confidence * 100)}% sure)`;
}

function peerLines({ names, nip05, trust, note }: Peer): readonly string[] {
  return [
    ...(names.length > 0 ? [`Called ${names.slice(0, 3).join(", ")}`] : []),
    ...(nip05 === undefined ? [] : [`Known as ${nip05}`]),
    ...(trust === "unknown" ? [] : [trust === "trusted" ? "Trusted" : "Not trusted"]),
    ...(note === undefined ? [] : [note]),
  ];
}

/** So that nothing in it looks like a part of the prompt. */
function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ").trim().slice(0, LINE).toWellFormed();
}
