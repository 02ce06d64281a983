import type { Context } from "../core/context.ts";
import type { Instructions, Thinking } from "../core/ports/model.ts";
import { OptionsCheck } from "../core/options.ts";
import type { State } from "../core/state.ts";
import { checkThinking, THINK_KEYS } from "../core/thinking-options.ts";
import type { ModelPart } from "./call.ts";
import { ModelMind } from "./mind.ts";
import type { ThinkerOptions } from "./mind.ts";
import type { SecretStore } from "./secrets.ts";

/** What a hook that thinks is made of: what `defineAgent` takes, and what a home gives otherwise. */
export interface ThinkOptions<S extends State = State>
  extends Omit<Thinking, "instructions">, Omit<ThinkerOptions, "onPart" | "prices"> {
  readonly instructions?: Instructions<S> | undefined;
  /** Where tools' secrets and keys of models come from: such a hook has none of the home's. Default: there are none. */
  readonly secrets?: SecretStore | undefined;
  readonly onPart?: ((ctx: Context<S>, part: ModelPart) => void) | undefined;
}

/**
 * The loop of a model agent as a hook, for an agent that thinks in one hook as one model and in another as
 * another: `onMessage: think({ model: "openai/gpt-5" })`. Else give `model` to `defineAgent`.
 * @throws CONFIG for options or tools that are wrong
 */
export function think<S extends State = State>(
  options: ThinkOptions<S>,
): (ctx: Context<S>) => Promise<void> {
  // The type of the state is let go, as the kernel does.
  const { secrets, load, clock, random, onPart, ...thinking } = options as unknown as ThinkOptions;
  const check = new OptionsCheck("think()");
  check.members(thinking, ["model", "fallbacks", "instructions", "tools", ...THINK_KEYS]);
  if (thinking.model === undefined) check.refuse('"model" is missing');
  checkThinking(check, thinking, "");
  const mind = new ModelMind("", thinking, { load, clock, random, onPart });
  const source = secrets && (async (name: string): Promise<string | undefined> => secrets(name));
  return (ctx) => mind.begin(ctx, source).think();
}
