import { cloudflare } from "../../src/backends/cloudflare.ts";
import { pair } from "./pair.ts";

/** The address of a collector. */
declare const COLLECTOR: string;

export const { AgentObject, DirectoryObject, RelayObject, handler } = cloudflare(
  pair({ otlp: COLLECTOR }),
);
export default handler;
