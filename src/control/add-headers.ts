import type { Context } from "hono";
import type { ControlEnv } from "./operation.ts";

/** Adds headers to whatever the answer is. Beforehand costs least; one that was passed on has none of them. */
export async function addHeaders(
  c: Context<ControlEnv>,
  headers: Readonly<Record<string, string>>,
  next: () => Promise<void>,
): Promise<void> {
  for (const [name, value] of Object.entries(headers)) c.header(name, value);
  await next();
  for (const [name, value] of Object.entries(headers)) {
    if (c.res.headers.get(name) !== value) c.header(name, value);
  }
}
