import { cloudflare } from "@openagents/runtime/backends/cloudflare";
import runtime from "./openagents.config.ts";

export const { AgentObject, DirectoryObject, handler } = cloudflare(runtime);
export default handler;
