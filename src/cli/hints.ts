import type { ErrorCode } from "../core/errors.ts";

/** What to type next after an error of a code, where its message does not say. */
const OF_CODES: Readonly<Partial<Record<ErrorCode, string>>> = {
  NOT_FOUND: 'See what there is with "agentctl list"',
  MOVED: "Name that home with --url URL and --token TOKEN, with --data DIR or with --context NAME",
  TERMINATED: 'Make a new one with "agentctl create NAME --type TYPE"',
  EXISTS: 'See what there is with "agentctl list", or choose another name',
};

/** The same after messages that say more than their code; `$1` is what the pattern has in brackets. */
const OF_MESSAGES: readonly (readonly [pattern: RegExp, hint: string])[] = [
  [
    /^Cannot use agentd at \S+: the (?:token is|request carries)\b/,
    "Give the token of its data directory with --data DIR, or another with --token TOKEN or OPENAGENTS_TOKEN",
  ],
  [/^Cannot mount on "([^"]+)": it does not exist/, "Make it first: mkdir $1"],
  [/^Cannot mount on /, "Name an empty directory of its own"],
  [/": there is no such agent$/, 'See what there is with "agentctl list"'],
  [
    /^Cannot \w+ "([^"]*[/:])?[^"/:]+": there is no such file/,
    'See what there is with "agentctl fs ls $1"',
  ],
  [
    /^Cannot remove "([^"]+)": it is not empty/,
    "Remove it with all that is in it: agentctl fs rm -r $1",
  ],
  [/^Cannot make "([^"]+)": it is there/, 'See what it is with "agentctl fs stat $1"'],
  [/\bschedule "/, 'See what there is with "agentctl schedule list"'],
  [/\bstored secret "/, 'See what there is with "agentctl secret list"'],
  [/\btoken "/, 'See what there is with "agentctl tokens list"'],
  [/\bwebhook "/, 'See what there is with "agentctl webhooks list"'],
  [/\bgoal "/, 'See what there is with "agentctl goals NAME"'],
  [/^Cannot cancel .* of "([^"]+)": no such/, 'See what waits with "agentctl inbox $1"'],
  [/\ball ticks .*are stopped\b/, 'Have all go on with "agentctl runtime resume"'],
  [/^Cannot \w+ "([^"]+)": it is paused\b/, 'Have it go on with "agentctl resume $1"'],
];

/** What to type next after an error, if that can be told. */
export function hintFor(code: ErrorCode, message: string): string | undefined {
  for (const [pattern, hint] of OF_MESSAGES) {
    const match = pattern.exec(message);
    if (match !== null) return hint.replace("$1", () => match[1] ?? "");
  }
  return OF_CODES[code];
}
