import type { Json } from "@openagents/runtime";
import type { ScriptedAsk, ScriptedReply } from "@openagents/runtime/models/scripted";
import type { Hit } from "./library.ts";

/** Stands in for a model by rules: it reads what its tools give it, and calls the next one. */
export function script({ messages }: ScriptedAsk): ScriptedReply {
  const since = messages.findLastIndex(({ role }) => role === "user");
  const task = messages[since]?.text ?? "";
  const given = messages.slice(since).flatMap(({ role, text }) => (role === "tool" ? [text] : []));
  const step = /Work on step (\S+) now: (.*)/.exec(task);
  if (step !== null) return work(step[1]!, step[2]!, given);
  const report = /Write the report on (\S+) now: (.*)/.exec(task);
  if (report !== null) return write(report[1]!, report[2]!, { system: messages[0]!.text, given });
  return plan(task, given);
}

function plan(question: string, [found, planned]: readonly string[]): ScriptedReply {
  if (found === undefined) return call("search", { words: question });
  const steps = hitsOf(found).map(({ title }) => title);
  if (steps.length === 0) return { text: "My pages say nothing about that." };
  if (planned === undefined) return call("plan", { question, steps });
  return { text: `I am going to look at: ${steps.join("; ")}. Then I write a report.` };
}

function work(step: string, title: string, given: readonly string[]): ScriptedReply {
  const [found, page, noted, finished] = given;
  if (found === undefined) return call("search", { words: title });
  const url = hitsOf(found)[0]?.url ?? "";
  if (page === undefined) return call("read", { url });
  // The sentence with a year in it is what matters.
  const sentences = page
    .split("\n")
    .slice(2)
    .join(" ")
    .split(/(?<=\.)\s+/);
  const fact = sentences.find((sentence) => /\d{4}/.test(sentence)) ?? sentences[0] ?? "";
  if (noted === undefined) return call("note", { fact, url });
  if (finished === undefined) return call("finish_step", { step, result: fact, urls: [url] });
  return { text: fact };
}

function write(
  question: string,
  title: string,
  { system, given }: { readonly system: string; readonly given: readonly string[] },
): ScriptedReply {
  if (given.length > 0) return { text: `The report is at ${given.at(-1)}` };
  const results = [...system.matchAll(/^- (\S+)\.\d+ \[done\] .*?: (.*) \((\S+)\)$/gm)]
    .filter(([, of]) => of === question)
    .map(([, , text, url]) => ({ text, url }));
  const lines = results.map(({ text }, i) => `${text} [${i + 1}]`);
  const sources = results.map(({ url }, i) => `[${i + 1}] ${url}`);
  return call("write_report", {
    question,
    text: [`# ${title}`, "", ...lines, "", ...sources, ""].join("\n"),
  });
}

function hitsOf(found: string): readonly Hit[] {
  return JSON.parse(found) as readonly Hit[];
}

function call(name: string, input: Json): ScriptedReply {
  return { toolCalls: [{ name, input }] };
}
