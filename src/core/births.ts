import type { AgentRecord } from "./agent.ts";
import type { Spent, Total } from "./budget.ts";
import type { ChildFile } from "./children.ts";
import type { Round } from "./delivery.ts";
import type { Envelope } from "./envelope.ts";
import { OpenAgentsError } from "./errors.ts";
import type { Json } from "./json.ts";
import { newId } from "./kernel.ts";
import type { Kernel } from "./kernel.ts";
import { isLocked, lockedError } from "./locked.ts";
import { controlEnvelope } from "./mailroom.ts";
import { moveOf } from "./move.ts";
import type { Account, Receipt } from "./ports/index.ts";

/** What makes an agent, on its way to whoever makes it: in the outbox of the parent alone. */
interface Birth {
  readonly command: "spawn";
  readonly child: Omit<AgentRecord, "status"> & {
    readonly parent: string;
    readonly account: number;
  };
}

/** What a parent is told of a child that it made: a command for which no hook runs. */
export interface ChildCommand {
  readonly command: "child";
  /** The child's npub. */
  readonly child: string;
  /** What it is called, where that is not what it was to be called. */
  readonly name?: string;
  /** Those of its own that live on: they are this one's from now on. */
  readonly children?: readonly ChildFile[];
  /** What it spent on its last day, and what those it had did that ended. */
  readonly spent?: Total & { readonly day: string };
  /** It is no more, or never came to be. */
  readonly ended?: true;
  /** What is to be said of that in the log. */
  readonly why?: string;
}

/** The letter by which a child is made: it leaves with a commit of its parent, before all mail to the child. */
export function birthLetter(child: Birth["child"], sentAt: number): Envelope {
  return {
    id: `child:${child.id}`,
    sentAt,
    source: "control",
    from: child.parent,
    to: child.id,
    type: "control",
    payload: { command: "spawn", child } satisfies Birth as unknown as Json,
  };
}

/** True for the letter by which a child is made, which goes into no inbox. */
export function isBirth({ type, payload }: Envelope): boolean {
  return type === "control" && (payload as unknown as Partial<Birth>)?.command === "spawn";
}

/** True for what a parent is told of a child: nobody is told when it cannot be. */
export function isChildNote({ type, payload }: Envelope): boolean {
  return (
    (type === "control" && (payload as unknown as Partial<ChildCommand>)?.command === "child") ||
    (type === "control" && (payload as unknown as Partial<ParentCommand>)?.command === "parent")
  );
}

/** Tells a parent of its child. */
function childNote(
  kernel: Pick<Kernel, "clock" | "random">,
  parent: string,
  note: Omit<ChildCommand, "command">,
): Envelope {
  return {
    id: newId(kernel),
    sentAt: kernel.clock.now(),
    source: "control",
    // The runtime says it, and not the child, whose mail is sealed.
    from: "runtime",
    to: parent,
    type: "control",
    payload: { command: "child", ...note } satisfies ChildCommand as unknown as Json,
    priority: 100,
  };
}

/** What an agent is told whose parent has ended: who is to hear of its own end. No hook runs. */
export interface ParentCommand {
  readonly command: "parent";
  readonly parent: string;
}

/** Tells a child of one that ended whose it is. */
export function parentNote(
  kernel: Pick<Kernel, "clock" | "random">,
  child: string,
  parent: string,
): Envelope {
  const payload = { command: "parent", parent } satisfies ParentCommand;
  return { ...childNote(kernel, child, { child }), payload };
}

/** What the new parent is to be told where such a note finds nobody; undefined for other mail. */
export function lostChild(kernel: Kernel, { to, type, payload }: Envelope): Envelope | undefined {
  if (type !== "control") return undefined;
  const { command, parent } = payload as unknown as ParentCommand;
  return command === "parent" ? childNote(kernel, parent, { child: to, ended: true }) : undefined;
}

/** What an agent leaves behind when it ends. */
export interface Estate {
  readonly spent: Spent;
  readonly children: readonly ChildFile[];
  /** The content of its `meta/parent`. */
  readonly parent: string | undefined;
}

/** So many children are in one letter. */
const MANY = 100;

/**
 * What tells the parent of an agent that this one is no more, in order; nothing where it has none, or lives
 * elsewhere.
 */
export function endNotes(kernel: Kernel, record: AgentRecord, estate: Estate): Envelope[] {
  const { id: child } = record;
  const parent = estate.parent ?? record.parent;
  if (parent === undefined || moveOf(record).moved !== undefined) return [];
  const { day, today, given } = estate.spent;
  const usd = today.usd + (given?.usd ?? 0);
  const tokens = today.tokens + (given?.tokens ?? 0);
  const { children } = estate;
  const parts = Array.from({ length: Math.ceil(children.length / MANY) }, (_, i) =>
    childNote(kernel, parent, { child, children: children.slice(i * MANY, (i + 1) * MANY) }),
  );
  return [...parts, childNote(kernel, parent, { child, spent: { day, usd, tokens }, ended: true })];
}

/** What a birth needs beside the kernel. */
export interface Midwife {
  readonly round: Round;
  /** Told of an agent that is made here. */
  readonly born: (agent: AgentRecord) => void;
  /** Takes what a parent is to be told. */
  readonly tell: (note: Envelope) => Promise<Receipt>;
}

/**
 * Makes the agent that a letter is about, under another name where its own was taken in between. Done
 * again it is nothing. Its parent is told what it would not know.
 */
export async function bear(kernel: Kernel, letter: Envelope, midwife: Midwife): Promise<Receipt> {
  const birth = letter.payload as unknown as Birth;
  const { child } = birth;
  /** The receipt, once the parent is told; it is told anew when that cannot be now. */
  const told = async (
    receipt: Receipt,
    note: Omit<ChildCommand, "command" | "child">,
  ): Promise<Receipt> => {
    const full = childNote(kernel, child.parent, { child: child.id, ...note });
    return (await midwife.tell(full)) === "busy" ? "busy" : receipt;
  };
  const lost = (why: string): Promise<Receipt> =>
    told("unreachable", { ended: true, why: `"${child.name}" could not be made: ${why}` });
  try {
    const { npub } = await kernel.signer.identity(child.account);
    // Its parent has moved: what makes the key of the child did not.
    if (npub !== child.id) return await lost("its key is one of another home");
    const made = await bearWhere(kernel, birth, midwife);
    if (made === "busy") return made;
    if (made === undefined) return await lost("its name is taken");
    if (made.status === "terminated") return await told("accepted", { ended: true });
    if (made.name === child.name) return "accepted";
    const why = `"${child.name}" is called "${made.name}": its name was taken`;
    return await told("accepted", { name: made.name, why });
  } catch (error) {
    if (isLocked(error)) return "busy";
    throw error;
  }
}

/** The names that a child may get, the first that is free. */
function namesFor({ id, name }: Pick<AgentRecord, "id" | "name">): readonly string[] {
  return [name, ...[6, 12].map((length) => `${name.slice(0, 50)}-${id.slice(-length)}`)];
}

/** A key for a child of this name. @throws EXISTS when an agent has the name, LOCKED while the keys are */
export async function reserve(kernel: Kernel, name: string): Promise<Account> {
  const { store, signer, keyWaits, nursery } = kernel;
  // Before it costs an account, as accounts decide which npub comes next.
  if (keyWaits.locked) throw lockedError();
  if (nursery !== undefined) return nursery.reserve(name);
  if ((await store.get(name)) !== undefined) throw nameTaken(name);
  const account = await store.reserve();
  const { npub, publicKey } = await signer.identity(account);
  return { id: npub, publicKey, account };
}

/** Where the directory is elsewhere, what cannot be done there now is done a little later. */
async function bearWhere(
  kernel: Kernel,
  birth: Birth,
  midwife: Midwife,
): Promise<Pick<AgentRecord, "name" | "status"> | "busy" | undefined> {
  const { nursery } = kernel;
  if (nursery === undefined) return bearHere(kernel, birth, midwife);
  return nursery.bear(birth.child, namesFor(birth.child)).catch(() => "busy");
}

/** The entry of a child that is made in the store of its parent, or was; undefined when all names are taken. */
async function bearHere(
  kernel: Kernel,
  { child }: Birth,
  { round, born }: Midwife,
): Promise<AgentRecord | undefined> {
  const { store } = kernel;
  for (const name of namesFor(child)) {
    const known = await store.get(child.id);
    if (known !== undefined) return known;
    const record: AgentRecord = { ...child, name, status: "creating" };
    try {
      await store.create(record, controlEnvelope(kernel, record.id, "initialize"));
    } catch (error) {
      if (error instanceof OpenAgentsError && error.code === "EXISTS") continue;
      throw error;
    }
    round.durable.note();
    born(record);
    return record;
  }
  return store.get(child.id);
}

/** The error for a child that is to have a name that somebody has. */
export function nameTaken(name: string): OpenAgentsError {
  return new OpenAgentsError(
    "EXISTS",
    `Cannot spawn "${name}": another agent has the name, give it one of its own`,
  );
}
