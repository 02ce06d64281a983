import { cloudflare } from "../../src/backends/cloudflare.ts";
import definition from "../crash/kill.config.ts";

export const { AgentObject, DirectoryObject, handler } = cloudflare(definition);
export default handler;
