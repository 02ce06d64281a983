import type { Client } from "../control/client.ts";
import type { RuntimeStatus } from "../control/shapes/home.ts";
import type { Output } from "./output.ts";

/** What somebody is told who may wonder why nothing goes on. */
export const PAUSED =
  "All ticks of this home are stopped. Have them go on with: agentctl runtime resume";

/** Tells whoever is at the terminal when all ticks of a home are stopped; true then. Never throws. */
export async function tellPaused(client: Client, out: Output): Promise<boolean> {
  const paused = await isPaused(client);
  if (paused) out.talk(PAUSED);
  return paused;
}

/** True while all ticks of a home are stopped; false as well where that cannot be told. */
export async function isPaused(client: Client): Promise<boolean> {
  const status = client.get<RuntimeStatus>("/runtime/status");
  return status.then(
    ({ paused }) => paused,
    () => false,
  );
}
