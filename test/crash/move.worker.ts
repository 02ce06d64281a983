import { cloudflare } from "../../src/backends/cloudflare.ts";
import definition from "./move.config.ts";

export const { AgentObject, DirectoryObject, handler } = cloudflare(definition);
export default handler;
