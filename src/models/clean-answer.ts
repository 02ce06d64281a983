import type { LanguageModelV4Content } from "@ai-sdk/provider";
import type { StepPart } from "../core/context.ts";
import type { Json } from "../core/json.ts";
import type { ModelResult } from "./call.ts";
import type { Secrets } from "./secrets.ts";
import { ToldText } from "./told-text.ts";

/** Has a model answer, without secrets in what it says, or in what is wrong. */
export async function cleanly(
  secrets: Secrets,
  work: () => Promise<ModelResult>,
): Promise<ModelResult> {
  try {
    return cleanAnswer(await work(), secrets);
  } catch (error) {
    throw cleanError(error, secrets);
  }
}

/** An answer without secrets, as a model may repeat one that it was shown, or was asked for. */
function cleanAnswer(answer: ModelResult, secrets: Secrets): ModelResult {
  if (secrets.forms.length === 0) return answer;
  return {
    ...answer,
    content: answer.content.map((part) => cleanPart(part, secrets)),
    text: secrets.clean(answer.text),
    toolCalls: answer.toolCalls.map((call) => ({ ...call, input: secrets.clean(call.input) })),
    warnings: cleanOf(answer.warnings, secrets),
  };
}

/** What an error says, and those that caused it, without secrets: a provider may quote a key in it. */
function cleanError(error: unknown, secrets: Pick<Secrets, "clean">): unknown {
  if (typeof error === "string") return secrets.clean(error);
  let one: unknown = error;
  for (let i = 0; one instanceof Error && i < 5; i += 1) {
    for (const name of ["message", "stack"] as const) {
      const value = one[name];
      if (typeof value !== "string") continue;
      const cleaned = secrets.clean(value);
      if (cleaned === value) continue;
      Object.defineProperty(one, name, { value: cleaned, configurable: true, writable: true });
    }
    one = one.cause;
  }
  return error;
}

/** Tells what a step makes without secrets, also where one comes in pieces. */
export class CleanTelling {
  readonly #secrets: Secrets;
  readonly #tell: (part: StepPart) => void;
  readonly #texts: Map<StepPart["kind"], ToldText>;

  constructor(secrets: Secrets, tell: (part: StepPart) => void) {
    this.#secrets = secrets;
    this.#tell = tell;
    this.#texts = new Map(
      (["text", "reasoning", "input"] as const).map((kind) => [
        kind,
        new ToldText(() => secrets.forms),
      ]),
    );
  }

  tell({ kind, text }: StepPart): void {
    const told = this.#texts.get(kind);
    if (told !== undefined) return this.#say(kind, told.add(text));
    for (const one of this.#texts.values()) one.forget();
    this.#tell({ kind, text: this.#secrets.clean(text) });
  }

  /** The answer is whole. */
  end(): void {
    for (const [kind, told] of this.#texts) this.#say(kind, told.end());
  }

  #say(kind: StepPart["kind"], text: string): void {
    if (text !== "") this.#tell({ kind, text });
  }
}

/** What is told in a part; what it is called stays. */
function cleanPart(part: LanguageModelV4Content, secrets: Secrets): LanguageModelV4Content {
  switch (part.type) {
    case "text":
    case "reasoning":
      return { ...part, text: secrets.clean(part.text) };
    case "tool-call":
      return { ...part, input: secrets.clean(part.input) };
    case "tool-result":
      return { ...part, result: cleanOf(part.result, secrets) };
    default:
      return part;
  }
}

function cleanOf<T>(value: T, secrets: Secrets): T {
  return secrets.cleanJson(value as unknown as Json) as unknown as T;
}
