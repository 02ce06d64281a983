import type { ObjectContext, ObjectNamespace } from "../../src/backends/cloudflare/platform.ts";
import { MIGRATIONS } from "../../src/stores/sql/schema.ts";
import { keyed } from "../watched.ts";
import type { Written } from "../watched.ts";

interface Env {
  readonly AGENTS: ObjectNamespace;
  readonly DIRECTORY: ObjectNamespace;
  /** JSON of what the store writes for a message. */
  readonly WRITTEN: string;
}

/** Shards of the floor's directory, as many as ours has. */
const SHARDS = 16;

/** A bare Durable Object with the store's tables: what ours has around it, it does not have. */
class Bare {
  readonly context: ObjectContext;
  readonly env: Env;

  constructor(context: ObjectContext, env: Env) {
    this.context = context;
    this.env = env;
    const { sql } = context.storage;
    if (sql.exec("SELECT 1 FROM sqlite_schema WHERE name = 'log'").toArray().length > 0) return;
    for (const statement of MIGRATIONS.flat()) sql.exec(statement);
  }

  /** Writes an agent's row, as the directory and the agent each do. */
  born(name: string): void {
    this.context.storage.sql.exec(
      `INSERT INTO agents (id, public_key, name, alias, type, status, account, created_at)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
      `npub1${name.padStart(58, "q")}`,
      name.padStart(64, "0"),
      name,
      name,
      "counter",
      "live",
      1,
      Date.now(),
    );
  }
}

export class DirectoryObject extends Bare {
  async fetch(request: Request): Promise<Response> {
    const { name } = (await request.json()) as { name: string };
    this.born(name);
    const agents = this.env.AGENTS;
    await agents.get(agents.idFromName(name)).fetch(post("/create", { name }));
    return Response.json({ id: name });
  }
}

const written: { made?: readonly Written[] } = {};

export class AgentObject extends Bare {
  #n: number | undefined;

  async fetch(request: Request): Promise<Response> {
    const body = (await request.json()) as { readonly name?: string };
    if (request.url.endsWith("/create")) this.born(body.name!);
    const { sql } = this.context.storage;
    this.#n ??= Number(sql.exec("SELECT max(n) AS n FROM log").toArray()[0]?.["n"] ?? 0);
    const n = (this.#n += 1);
    written.made ??= JSON.parse(this.env.WRITTEN) as readonly Written[];
    for (const { query, params } of written.made) {
      sql.exec(query, ...params.map((value) => keyed(value, { agent: 1, n, message: n })));
    }
    return Response.json({ n, outcome: "done" });
  }
}

function post(path: string, body: unknown): Request {
  return new Request(`http://object${path}`, { method: "POST", body: JSON.stringify(body) });
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const [, , name] = new URL(request.url).pathname.split("/");
    if (name !== undefined) return env.AGENTS.get(env.AGENTS.idFromName(name)).fetch(request);
    const body = (await request.json()) as { name: string };
    const shard = Number(/\d+$/.exec(body.name)?.[0]) % SHARDS;
    return env.DIRECTORY.get(env.DIRECTORY.idFromName(`${shard}`)).fetch(post("/", body));
  },
};
