import { checkName, isKey, isNpub } from "../../core/agent.ts";
import { peekManifest } from "../../core/bundle/read.ts";
import { OpenAgentsError } from "../../core/errors.ts";
import { checkPoint } from "../../core/point.ts";
import type { Imported, ImportOptions, SetAside } from "../../core/move.ts";
import type { Brake, Identity, Page, Signer } from "../../core/ports/index.ts";
import type { AgentInfo, Home, ListAgents, NewAgent } from "../../core/runtime.ts";
import { domainNames } from "../../identity/domain-names.ts";
import { decodeNpub, encodeNpub } from "../../identity/nip19.ts";
import type { Named, Presence } from "./directory-object.ts";
import type { Directory } from "./directory.ts";
import type { ObjectNamespace } from "./platform.ts";
import type { ProblemLog } from "./problem-log.ts";
import { call } from "./wire.ts";

/** The home as a whole, as the Worker sees it: the directory, and the objects that agents come to. */
export class WorkerHome implements Home {
  readonly #agents: ObjectNamespace;
  readonly #directory: Directory;
  readonly #signer: Signer;
  readonly #brake: Brake | undefined;
  readonly #log: ProblemLog;

  constructor(parts: {
    readonly agents: ObjectNamespace;
    readonly directory: Directory;
    readonly signer: Signer;
    /** Undefined where the Worker has no object for the home. */
    readonly brake: Brake | undefined;
    readonly log: ProblemLog;
  }) {
    this.#agents = parts.agents;
    this.#directory = parts.directory;
    this.#signer = parts.signer;
    this.#brake = parts.brake;
    this.#log = parts.log;
  }

  create(agent: NewAgent): Promise<AgentInfo> {
    return this.#directory.create(agent);
  }

  list(query?: ListAgents): Promise<Page<AgentInfo>> {
    return this.#directory.list(query);
  }

  metrics(): { readonly startedAt: number } {
    return this.#directory.metrics();
  }

  identity(): Promise<Identity> {
    return this.#signer.home();
  }

  /** Agents know of it within seconds. */
  pauseAll(): Promise<void> {
    return this.#setBrake(true);
  }

  /** Agents take up what has waited within ten seconds, or once they are asked for something. */
  resumeAll(): Promise<void> {
    return this.#setBrake(false);
  }

  async paused(): Promise<boolean> {
    return (await this.#brake?.on()) ?? false;
  }

  async #setBrake(on: boolean): Promise<void> {
    if (this.#brake !== undefined) return this.#brake.set(on);
    throw new OpenAgentsError(
      "CONFIG",
      'Cannot stop all ticks: the Worker has no object for its home, bind "HOME" to HomeObject',
    );
  }

  async unlock(): Promise<void> {
    throw new OpenAgentsError(
      "INVALID",
      "Cannot unlock: the keys of a Worker are never locked, they come from its secret OPENAGENTS_MNEMONIC",
    );
  }

  async resolve(ref: string): Promise<Identity> {
    const npub = isNpub(ref) ? ref : await this.#npubOf(ref);
    if (npub !== undefined) {
      const publicKey = decodeNpub(npub);
      checkPoint(this.#signer, publicKey, ref);
      return { npub, publicKey };
    }
    throw new OpenAgentsError("NOT_FOUND", `There is no agent "${ref}"`);
  }

  async #npubOf(ref: string): Promise<string | undefined> {
    if (isKey(ref)) return encodeNpub(ref.toLowerCase());
    return ref.includes("@") ? domainNames(ref) : this.#directory.idOf(ref);
  }

  /** Reads no more of a bundle than says whom it is for; the agent's object reads the rest of it. */
  async import(bundle: ReadableStream<Uint8Array>, options: ImportOptions = {}): Promise<Imported> {
    const { manifest, stream } = await peekManifest(bundle);
    const { agent, key } = manifest;
    if (options.mode === "clone") {
      checkName(options.name);
      const { id, name, account } = await this.#directory.clone({
        name: options.name,
        type: agent.type,
      });
      return this.#take({ id, name }, stream, { ...options, account: account ?? undefined });
    }
    const there = await call<Presence>(this.#agents, agent.id, { method: "presence", input: null });
    if (there.name !== undefined) return this.#pass(agent.id, stream, options);
    const name = options.name ?? agent.name;
    await this.#directory.take({ ...agent, name });
    const own = "signer" in key && key.signer === (await this.identity()).publicKey;
    const imported = await this.#take({ id: agent.id, name }, stream, options);
    // Not before the bundle was found to be good: an account that is set aside stays so.
    if (own && agent.account !== null) await this.#directory.reserve(agent.account);
    return imported;
  }

  /** Passes a bundle on for an agent whose name was set aside, and is given up when it does not come. */
  async #take(
    agent: Named,
    stream: ReadableStream<Uint8Array>,
    options: SetAside,
  ): Promise<Imported> {
    try {
      return await this.#pass(agent.id, stream, options);
    } catch (error) {
      await this.#directory.release(agent).catch((second: unknown) => {
        // The next who wants the name finds that it is free.
        this.#log("Cannot give up a name", second);
      });
      throw error;
    }
  }

  #pass(id: string, stream: ReadableStream<Uint8Array>, input: SetAside): Promise<Imported> {
    if (id === "") throw new OpenAgentsError("CORRUPT", "Cannot read bundle: it names no agent");
    return call<Imported>(this.#agents, id, { method: "import", input, stream });
  }
}
