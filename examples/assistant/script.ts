import type { Json } from "@openagents/runtime";
import type { ScriptedAsk, ScriptedReply } from "@openagents/runtime/models/scripted";

/** Pieces of a word or two, at the pace of a fast model. */
const PACE = { chunk: 6, pause: 12 };

const HELP =
  "I am a script that stands in for a model. Tell me your name or what you like, ask what I know of you, " +
  'ask "what is 12 * 7", say "remind me in 5s to stretch" or "what did I say about …".';

interface Rule {
  readonly when: RegExp;
  readonly say: (found: readonly string[], known: readonly string[]) => ScriptedReply;
}

/** What it does when somebody says something: the first that fits. */
const RULES: readonly Rule[] = [
  {
    when: /^\[alarm\] (.*)/,
    say: ([, what]) => ({ text: `You asked me to remind you: ${what}.` }),
  },
  {
    when: /^remind me in (\d+ ?[smhd])\w* (?:to |of |about )?(.+)/i,
    say: ([, time = "", what = ""]) => call("remind", { in: time.replace(" ", ""), what }),
  },
  {
    when: /what(?:'s| is)? (-?[\d.]+) ?([-+*/]) ?(-?[\d.]+)/i,
    say: ([, a, operator = "", b]) => call("calculate", { a: Number(a), operator, b: Number(b) }),
  },
  {
    when: /what did i (?:say|tell you) about (\w+)/i,
    say: ([, words = ""]) => call("recall", { words }),
  },
  {
    when: /know (?:about|of) me|who am i|what(?:'s| is) my|what do i (?:like|love)/i,
    say: (_, known) => ({
      text:
        known.length === 0
          ? "Nothing yet. Tell me something of yourself, and I will remember it."
          : `You told me: ${known.map((fact) => `"${fact}"`).join(", ")}.`,
    }),
  },
  {
    when: /^(?:please )?remember (?:that )?(.+)|^((?:my name is|i am|i'm|i like|i love|i live) .+)/i,
    say: ([, fact, said]) => call("remember", { fact: (fact || said || "").replace(/\.$/, "") }),
  },
  {
    when: /^(?:hi|hello|hey|good (?:morning|evening))\b/i,
    say: (_, known) => {
      const name = known.map((fact) => /my name is (\w+)/i.exec(fact)?.[1]).find(Boolean);
      return {
        text: name === undefined ? `Hello! ${HELP}` : `Hello ${name}, good to see you again!`,
      };
    },
  },
];

/** What it says once a tool has given something. */
const RESULTS: Readonly<Record<string, (output: string) => string>> = {
  remember: () => "I will remember that.",
  remind: () => "I will remind you.",
  calculate: (output) => `That is ${output}.`,
  recall: (output) => {
    const said = (JSON.parse(output) as readonly { readonly said: string }[]).map(
      ({ said }) => said,
    );
    return said.length === 0 ? "You never mentioned it." : `You said: ${said.join(" / ")}`;
  },
};

/** Stands in for a model by rules: it reads what it is shown, and calls the tools that it is given. */
export function script({ messages, last }: ScriptedAsk): ScriptedReply {
  if (messages.at(-1)?.role === "tool") {
    const called = messages.findLast(({ toolCalls }) => toolCalls.length > 0)?.toolCalls.at(-1);
    return { ...PACE, text: RESULTS[called?.name ?? ""]?.(last) ?? last };
  }
  const system = messages.find(({ role }) => role === "system")?.text ?? "";
  const known = [...system.matchAll(/^- (.*)$/gm)].map(([, fact = ""]) => fact);
  for (const { when, say } of RULES) {
    const found = when.exec(last.trim());
    if (found !== null) return { ...PACE, ...say(found, known) };
  }
  return { ...PACE, text: HELP };
}

function call(name: string, input: Json): ScriptedReply {
  return { toolCalls: [{ name, input }] };
}
