export { default } from "./examples/openagents.config.ts";
