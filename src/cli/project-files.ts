import { WORKERD, WRANGLER } from "./cloudflare-files.ts";

const NODE = "24.21.0";

/** What the files of a new project are made of. */
export interface Project {
  readonly name: string;
  /** What package.json says of this package: a version, or `file:` and a path. */
  readonly dependency: string;
  /** It is to be a Worker as well. */
  readonly cloudflare: boolean;
}

/** The files of a new project, by name. */
export function projectFiles({
  name,
  dependency,
  cloudflare,
}: Project): Readonly<Record<string, string>> {
  const manifest = {
    name,
    version: "0.0.0",
    private: true,
    type: "module",
    scripts: { start: "agentd", agentctl: "agentctl", doctor: "agentctl doctor" },
    dependencies: { "@openagents/runtime": dependency },
    devDependencies: { node: NODE, ...(cloudflare && { wrangler: WRANGLER }) },
    // The newest workerd lacks builds for some machines, on which npm then refuses to install.
    ...(cloudflare && { overrides: { workerd: WORKERD } }),
    engines: { node: ">=24" },
    // The pinned Node fetches its binary in an install script, which npm runs only when told to.
    allowScripts: { [`node@${NODE}`]: true },
  };
  return {
    "package.json": `${JSON.stringify(manifest, undefined, 2)}\n`,
    "openagents.config.ts": CONFIG,
    ".gitignore": "node_modules/\n.openagents/\n",
    "README.md": `# ${name}\n${README}`,
  };
}

const CONFIG = `import { defineAgent, defineRuntime } from "@openagents/runtime";

const greeter = defineAgent({
  name: "greeter",
  state: { greeted: 0 },
  async onMessage(ctx, message) {
    ctx.state.greeted += 1;
    ctx.log.info("greeting", { who: message.text });
    await ctx.reply(\`Hello \${message.text}, you are number \${ctx.state.greeted}\`);
  },
});

export default defineRuntime({
  agents: [greeter],
  // Agents that are there from the first start on.
  ensure: [{ name: "greeter", type: "greeter" }],
});
`;

const README = `
Agents on the OpenAgents Runtime. They are defined in \`openagents.config.ts\`; what they remember,
their keys and the record of what they did are in \`.openagents/\`: keep it safe, and out of git.

    npm install
    npm start

and in another terminal:

    npx agentctl send greeter "Ada" --wait
    npx agentctl logs greeter
    npx agentctl trajectory greeter --verify
    npx agentctl doctor
`;
