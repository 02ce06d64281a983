import runtime from "../../examples/openagents.config.ts";
import { cloudflare } from "../../src/backends/cloudflare.ts";

export const { AgentObject, DirectoryObject, handler } = cloudflare(runtime);
export default handler;
