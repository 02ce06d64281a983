import * as z from "zod/v4";
import type { Json } from "../../core/json.ts";
import type { FileService, Operator } from "../../core/ports/index.ts";
import type { Home } from "../../core/runtime.ts";
import { failed } from "../../vfs/failed.ts";
import { homeChanges } from "../../vfs/home-changes.ts";
import { homeTree } from "../../vfs/home.ts";
import { isBound, mayTouch } from "../access.ts";
import type { Principal, Scope } from "../access.ts";
import { deleteFile, getFile, homeAddress, postFile, putFile } from "../files.ts";
import type { Target } from "../files.ts";
import { operation } from "../operation.ts";
import type { Address, Operation } from "../operation.ts";
import {
  flagParameter,
  limitParameter,
  numberParameter,
  textParameter,
  wordParameter,
} from "../query.ts";
import { fileStat, written } from "../shapes/file.ts";
import { anyJson, pageOf } from "../shapes/shape.ts";
import { standing } from "../standing.ts";
import { treeAddress } from "../tree-address.ts";
import { statusOf } from "./home.ts";

const GET = {
  query: {
    stat: flagParameter("stat", "What is known of it, and not what it has."),
    watch: flagParameter("watch", "What changes there, as server-sent events."),
    cursor: textParameter("Of a directory: from the page before."),
    limit: limitParameter,
  },
  headers: {
    Range: "One range of bytes. Of a stream: what there is of it now.",
    "If-Range": "Only while the file has this ETag; else all of it.",
    "If-None-Match": "Not (304) while it has one of these ETags.",
  },
  head: true,
  answers: {
    200: {
      description:
        "The file; a directory as lines, or as a page for whoever accepts JSON; a stream, for as long as it is read.",
      body: z.union([pageOf(fileStat), fileStat, anyJson]),
      type: "*/*",
    },
    206: { description: "A part of the file.", type: "*/*" },
    304: { description: "It has not changed." },
  },
} as const;

const MADE = { 201: { description: "It was made.", body: written } };
const DONE = { 204: { description: "It was done." } };
const CONDITIONS = {
  "If-Match": "Only (412) when it has one of these ETags; with * when it is there.",
  "If-None-Match": "With *: only (412) when it is not there.",
};
const BODIES = ["append", "exchange"] as const;
const PATH = {
  path: "The rest of the path, slashes and all; each part of it is percent-encoded. It may be empty.",
};
const AGENT = {
  path: "/fs/agents/{ref}/{path...}",
  also: "/agents/{ref}/{path...}",
  tag: "Files",
  params: PATH,
} as const;

/** Operations over agents as trees of files, and the home as the tree that they are in. */
export const fileOperations: readonly Operation[] = [
  operation({
    id: "getFile",
    method: "get",
    ...AGENT,
    ...GET,
    scope: "read",
    summary: "Gives a file or a directory of an agent",
    description:
      "Also at `/agents/{ref}/{path}`, wherever that is no address of another operation. The same for all operations with files.",
    run: async (call) => getFile(await agentFile(call), call.query),
  }),
  operation({
    id: "putFile",
    method: "put",
    ...AGENT,
    scope: "operate",
    summary: "Writes a file of an agent, or makes a directory",
    description: "A path with a slash at its end is a directory that is to be made.",
    query: { offset: numberParameter("offset", "Where in the file the body belongs.") },
    headers: CONDITIONS,
    stream: "application/octet-stream",
    answers: { ...MADE, ...DONE },
    run: async (call) => putFile(await agentFile(call), call.query),
  }),
  operation({
    id: "postFile",
    method: "post",
    ...AGENT,
    scope: "operate",
    summary: "Adds to a file or a directory, asks a file that answers, renames or resizes",
    query: {
      to: textParameter("The path that it is to have: from the root of the tree of the address."),
      size: numberParameter("size", "The bytes that it is to have."),
      as: wordParameter("as", "What the body is. Default: what the file is for.", BODIES),
    },
    headers: CONDITIONS,
    stream: "application/octet-stream",
    answers: { 200: { description: "What the file answers.", type: "*/*" }, ...MADE, ...DONE },
    run: async (call) => postFile(await agentFile(call), call.query),
  }),
  operation({
    id: "deleteFile",
    method: "delete",
    ...AGENT,
    scope: "operate",
    summary: "Removes a file of an agent, or an empty directory",
    answers: DONE,
    run: async (call) => deleteFile(await agentFile(call)),
  }),
  operation({
    id: "getHomeFile",
    bound: true,
    method: "get",
    path: "/fs/{path...}",
    params: PATH,
    tag: "Files",
    ...GET,
    scope: "read",
    summary: "Gives the directories and files of a home that are above those of its agents",
    run: (call) => getFile(homeFile(call), call.query),
  }),
];

/** The file of an agent that a request is about. */
async function agentFile(call: Address): Promise<Target> {
  const { runtime, ref, principal, options, c } = call;
  // Whoever has the name later is not who it is about.
  const agent = await runtime.get(ref);
  const { id } = agent;
  if (!mayTouch(principal, agent)) {
    throw failed("EACCES", "use", `/agents/${ref}`, `"${principal.id}" is not bound to it`);
  }
  // An agent may be called "fs".
  const short = !c.req.path.startsWith("/fs/");
  const isChange = !/^(?:GET|HEAD)$/.test(c.req.method);
  const own = runtime.fs(id, userOf(principal), { once: !isChange });
  const inside = treeAddress(c.req.url, short ? 2 : 3);
  // It could put agents within the bounds of others, or out of its own.
  if (principal.labels !== undefined && inside.path === "/config" && isChange) {
    const problem = `"${principal.id}" is bound by labels, and may not change them`;
    throw failed("EACCES", "write", "/config", problem);
  }
  const mayGoOn = (): Promise<boolean> | boolean =>
    standing(principal, id, { runtime, stillGood: options.stillGood });
  const outer = short ? (path: string) => homeAddress(`/agents/${ref}${path}`) : homeAddress;
  return {
    ...(short ? inside : treeAddress(c.req.url, 1)),
    files: short ? own : treeOf(call, () => own),
    address: outer,
    mayGoOn,
    options,
    c,
  };
}

/** As whom somebody uses the tree of an agent that they may touch. */
function userOf(principal: Principal): Operator {
  const scope = principal.scope as Scope;
  return scope === "admin" && isBound(principal) ? "boundAdmin" : scope;
}

/** The file above agents that a request is about. */
function homeFile(call: Address): Target {
  const { principal, options, c } = call;
  const away = (ref: string): never => {
    throw failed("EINVAL", "find", ref, "its path is written with single slashes");
  };
  return {
    ...treeAddress(c.req.url, 1),
    files: treeOf(call, away),
    address: homeAddress,
    mayGoOn: () => options.stillGood?.(principal) ?? true,
    options,
    c,
  };
}

function treeOf(
  { home, runtime, principal, options }: Address,
  agent: (ref: string) => FileService,
): FileService {
  // Behind a gateway, a runtime has one agent alone.
  const whole = (runtime as Home) === home ? runtime : undefined;
  return homeTree({
    async list(query) {
      const page = await home.list(query);
      return { ...page, items: page.items.filter((one) => mayTouch(principal, one)) };
    },
    resolve: (ref) => home.resolve(ref),
    agent,
    ...(whole !== undefined && {
      changes: homeChanges(whole, (agent) => mayTouch(principal, agent)),
    }),
    srv: async () => ({ home: (await statusOf({ home, principal, options })) as unknown as Json }),
  });
}
