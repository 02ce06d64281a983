import runtime from "../../examples/openagents.config.ts";
import { cloudflare } from "@openagents/runtime/backends/cloudflare";

export const { AgentObject, DirectoryObject, handler } = cloudflare(runtime);
export default handler;
