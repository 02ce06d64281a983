import { defineAgent } from "../../src/core/definition.ts";
import { defineRuntime } from "../../src/core/runtime-definition.ts";
import type { RuntimeDefinition } from "../../src/core/runtime-definition.ts";
import type { HookOptions } from "../../src/core/hooks.ts";
import type { TelemetryOptions } from "../../src/core/otlp-settings.ts";

const asker = defineAgent({
  name: "asker",
  async onMessage(ctx) {
    await ctx.step("look", () => 1);
    await ctx.reply(await ctx.request("answerer", "well?"));
  },
});

const answerer = defineAgent({
  name: "answerer",
  async onMessage(ctx) {
    await ctx.reply("well");
  },
});

/** Two agents of which one asks the other. */
export function pair(
  telemetry: TelemetryOptions,
  hooks: Readonly<Record<string, HookOptions>> = {},
): RuntimeDefinition {
  return defineRuntime({
    agents: [asker, answerer],
    ensure: [
      { name: "asker", type: "asker" },
      { name: "answerer", type: "answerer" },
    ],
    telemetry,
    hooks,
  });
}
