import { isKey } from "../../core/agent.ts";
import type { AgentRecord, AgentStatus } from "../../core/agent.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import type { Directory } from "../../core/ports/store.ts";
import { readMeta, whole, writeMeta } from "./base.ts";
import type { Base, Direct, Known } from "./base.ts";
import { writeWakeAt } from "./clock.ts";
import { enqueue, prepare } from "./mail.ts";
import { restore } from "./restore.ts";
import type { SqlValue } from "./sql.ts";

const COLUMNS = `id, public_key AS "publicKey", name, type, status, account, key, created_at AS "createdAt", move, parent, generation, budget, labels`;

/** The same where another table has a column of one of these names. */
const LISTED = COLUMNS.replace(/\blabels$/, "agents.labels");

/** The columns as they are stored. */
type Row = Omit<AgentRecord, Optional | "labels"> & {
  readonly [column in Optional]: Exclude<AgentRecord[column], undefined> | null;
} & {
  readonly labels: string;
};

/** What an entry may not have; NULL where it is stored. */
const OPTIONAL = ["key", "move", "parent", "generation", "budget"] as const;
type Optional = (typeof OPTIONAL)[number];

const BY_KEY = ["id", "public_key", "alias"] as const;
const BY_NAME = ["alias", "id", "public_key"] as const;

/** The directory of a SQL store. */
export function directory(base: Base): Direct<Directory> {
  const { sql } = base;
  return {
    reserve(above = -1) {
      whole(above, "account");
      return sql.apply(() => {
        const account = Math.max(readMeta(sql, "account"), above + 1);
        writeMeta(sql, "account", account + 1);
        return account;
      });
    },

    create(agent, first) {
      const mail = first && prepare(first);
      const created = whole(agent.createdAt, "time");
      const account = agent.account === null ? null : whole(agent.account, "account");
      const alias = agent.status === "terminated" ? null : agent.name;
      sql.apply(() => {
        const [taken] = sql.all<{ id: string }>(
          "SELECT id FROM agents WHERE id = ? OR public_key = ?",
          agent.id,
          agent.publicKey,
        );
        if (taken !== undefined) {
          throw new OpenAgentsError("EXISTS", `Cannot create agent "${agent.id}": it exists`);
        }
        if (alias !== null) checkFree(base, alias, agent.id);
        sql.run(
          `INSERT INTO agents (id, public_key, name, alias, type, status, account, key, created_at, move,
             labels, parent, generation, budget)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
          agent.id,
          agent.publicKey,
          agent.name,
          alias,
          agent.type,
          agent.status,
          account,
          agent.key ?? null,
          created,
          agent.move ?? null,
          agent.labels.join(" "),
          agent.parent ?? null,
          agent.generation ?? null,
          agent.budget ?? null,
        );
        if (agent.labels.length > 0) noteLabels(base, base.known(agent.id), agent.labels);
        if (mail !== undefined) enqueue(base, base.known(agent.id), mail, agent.createdAt);
      });
    },

    get(ref) {
      // What it looks like is tried first.
      for (const column of isKey(ref) ? BY_KEY : BY_NAME) {
        const [row] = sql.all<Row>(`SELECT ${COLUMNS} FROM agents WHERE ${column} = ?`, ref);
        if (row !== undefined) return toRecord(row);
      }
      return undefined;
    },

    list(query) {
      const after = query.cursor === undefined ? 0 : Number(query.cursor);
      if (!Number.isSafeInteger(after)) {
        throw new OpenAgentsError("INVALID", `Cannot list agents: bad cursor "${query.cursor}"`);
      }
      const filters = [
        { column: "labels.label", value: query.label },
        { column: "agents.status", value: query.status },
        { column: "agents.type", value: query.type },
        { column: "agents.parent", value: query.parent },
      ].filter((filter) => filter.value !== undefined);
      const where = filters.map((filter) => ` AND ${filter.column} = ?`).join("");
      const values = filters.map((filter): SqlValue => filter.value ?? null);
      // Those with a label are walked by its index, whatever else is asked for.
      const [from, num] =
        query.label === undefined
          ? ["agents", "num"]
          : ["labels CROSS JOIN agents ON agents.num = labels.agent", "labels.agent"];
      const rows = sql.all<Row & { num: number }>(
        `SELECT num, ${LISTED} FROM ${from} WHERE ${num} > ?${where} ORDER BY ${num} LIMIT ?`,
        after,
        ...values,
        query.limit + 1,
      );
      const more = rows.length > query.limit;
      const page = more ? rows.slice(0, query.limit) : rows;
      const items = page.map(toRecord);
      return more ? { items, cursor: String(page.at(-1)?.num) } : { items };
    },

    update(id, { name, labels }) {
      sql.apply(() => {
        const agent = base.known(id);
        const { num, status } = agent;
        if (name !== undefined) {
          const alias = status === "terminated" ? null : name;
          if (alias !== null) checkFree(base, alias, id);
          sql.run("UPDATE agents SET name = ?, alias = ? WHERE num = ?", name, alias, num);
        }
        if (labels === undefined) return;
        forgetLabels(base, agent);
        noteLabels(base, agent, labels);
        sql.run("UPDATE agents SET labels = ? WHERE num = ?", labels.join(" "), num);
      });
    },

    setStatus(id, status, move) {
      sql.apply(() => {
        const agent = base.known(id);
        checkStatus(base, id, agent, status);
        writeStatus(base, agent, status);
        if (status === "moved") eraseOutgoing(base, agent);
        if (move === undefined) return;
        sql.run("UPDATE agents SET move = ? WHERE num = ?", move, agent.num);
      });
    },

    remove(id) {
      sql.apply(() => {
        const agent = base.find(id);
        if (agent === undefined) return;
        empty(base, agent);
        forgetLabels(base, agent);
        sql.run("DELETE FROM agents WHERE num = ?", agent.num);
        base.claims.delete(id);
        base.forget(id);
      });
    },

    clear(id) {
      sql.apply(() => {
        const agent = base.known(id);
        if (agent.status !== "moved" && agent.status !== "arriving") {
          throw new OpenAgentsError("INVALID", `Cannot clear agent "${id}": it is ${agent.status}`);
        }
        empty(base, agent);
        writeWakeAt(base, agent, null);
        base.claims.delete(id);
        base.forget(id);
      });
    },

    restore: (id, part) => restore(base, id, part),
  };
}

function noteLabels({ sql }: Base, { num }: Known, labels: readonly string[]): void {
  for (const label of labels) {
    sql.run("INSERT INTO labels (label, agent) VALUES (?, ?)", label, num);
  }
}

/** By the labels that its entry has, each of which is a key: nothing is searched. */
function forgetLabels({ sql }: Base, { num }: Known): void {
  const [row] = sql.all<{ labels: string }>("SELECT labels FROM agents WHERE num = ?", num);
  for (const label of labelsOf(row?.labels ?? "")) {
    sql.run("DELETE FROM labels WHERE label = ? AND agent = ?", label, num);
  }
}

function labelsOf(text: string): readonly string[] {
  return text === "" ? [] : text.split(" ");
}

/** Deletes all that an agent has. */
function empty(base: Base, agent: Known): void {
  base.positions.keep();
  base.search.empty(agent);
  for (const table of ["mail", "tree", "log"]) {
    base.sql.run(`DELETE FROM ${table} WHERE agent = ?`, agent.num);
  }
  eraseOutgoing(base, agent);
}

function eraseOutgoing(base: Base, { num }: Known): void {
  base.seqs.keep();
  base.sql.run("DELETE FROM outbox WHERE agent = ?", num);
}

/** @throws EXISTS when an agent that comes back from termination would find its name taken */
export function checkStatus(base: Base, id: string, agent: Known, status: AgentStatus): void {
  if (agent.status !== "terminated" || status === "terminated") return;
  const [row] = base.sql.all<{ name: string }>("SELECT name FROM agents WHERE num = ?", agent.num);
  if (row !== undefined) checkFree(base, row.name, id);
}

/** Writes a status that `checkStatus` allowed. */
export function writeStatus(base: Base, agent: Known, status: AgentStatus): void {
  if (agent.status === status) return;
  base.sql.run("UPDATE agents SET status = ? WHERE num = ?", status, agent.num);
  if (status === "terminated") {
    base.sql.run("UPDATE agents SET alias = NULL WHERE num = ?", agent.num);
  } else if (agent.status === "terminated") {
    base.sql.run("UPDATE agents SET alias = name WHERE num = ?", agent.num);
  }
  agent.status = status;
}

function checkFree(base: Base, name: string, id: string): void {
  const [taken] = base.sql.all<{ id: string }>("SELECT id FROM agents WHERE alias = ?", name);
  if (taken !== undefined && taken.id !== id) {
    throw new OpenAgentsError(
      "EXISTS",
      `Cannot name an agent "${name}": "${taken.id}" has the name`,
    );
  }
}

/** The record alone, as a plain object. */
function toRecord(row: Row): AgentRecord {
  const { id, publicKey, name, type, status, account, createdAt } = row;
  const labels = labelsOf(row.labels);
  const record = { id, publicKey, name, type, labels, status, account, createdAt };
  const more: Record<string, string | number> = {};
  for (const column of OPTIONAL) {
    const value = row[column];
    if (value !== null) more[column] = value;
  }
  return { ...record, ...more };
}
