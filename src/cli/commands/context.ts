import { resolve } from "node:path";
import type { Command } from "commander";
import { OpenAgentsError } from "../../core/errors.ts";
import { optionsOf, outputOf } from "../command.ts";
import { httpUrl } from "../connection.ts";
import type { Context, Contexts } from "../contexts.ts";
import { configFile, contextName, contextOf, readContexts, writeContexts } from "../contexts.ts";
import { readSecret } from "../secret.ts";
import { notEmpty, UsageError } from "../usage-error.ts";

interface SetOptions {
  readonly tokenFile?: string;
  readonly use?: boolean;
}

/** `agentctl context`: homes under names, in the user's configuration. */
export function contextCommands(program: Command): void {
  const context = program
    .command("context")
    .description("homes under names: list, use, set, show, delete, rename");
  context
    .command("list")
    .description("list the contexts; the current one has a star")
    .action((_options: unknown, command: Command) => {
      const out = outputOf(command);
      const { current, contexts } = readContexts();
      const entries = Object.entries(contexts).sort(([a], [b]) => (a < b ? -1 : 1));
      if (out.json) {
        return out.document(entries.map(([name, one]) => shown(name, one, current)));
      }
      if (entries.length === 0) return out.talk(`None. Make one with: ${MAKE}`);
      const rows = entries.map(([name, { url, data, ...secret }]) => [
        name === current ? "*" : "",
        name,
        url ?? data ?? "",
        secret.token === undefined ? (secret.tokenFile ?? data ?? "") : masked(secret.token),
      ]);
      return out.table(["", "NAME", "HOME", "TOKEN"], rows);
    });

  context
    .command("use [name]")
    .description("make a context the current one, which commands go to from now on")
    .option("--none", "have no current one")
    .action((name: string | undefined, options: { none?: boolean }, command: Command) => {
      if ((name === undefined) !== (options.none === true)) {
        throw new UsageError("Cannot choose a context: give its name, or --none");
      }
      const out = outputOf(command);
      const before = readContexts();
      if (name !== undefined) contextOf(before, name);
      writeContexts({ ...before, current: name });
      if (out.json) out.document({ current: name ?? null });
      else if (name === undefined) out.talk("There is no current context any more.");
      else out.talk(`Commands go to ${name} now. See whether it answers with: agentctl doctor`);
    });

  context
    .command("set <name>")
    .description(
      'make or change a context, by --url and a token, or by --data; "--token -" asks for the token, or reads it from stdin',
    )
    .option("--token-file <file>", "a file that has the token, read each time")
    .option("--use", "make it the current one")
    .action(async (name: string, { tokenFile, use }: SetOptions, command: Command) => {
      const out = outputOf(command);
      const before = readContexts();
      const known = Object.hasOwn(before.contexts, contextName(name))
        ? contextOf(before, name)
        : undefined;
      const { url, token, data } = optionsOf(command);
      const given = {
        ...(url !== undefined && { url: httpUrl("--url", url) }),
        ...(token !== undefined && { token: await tokenOf(token) }),
        ...(tokenFile !== undefined && {
          tokenFile: resolve(notEmpty("--token-file", tokenFile)!),
        }),
        ...(data !== undefined && { data: resolve(notEmpty("--data", data)!) }),
      };
      const context = changed(known, given);
      const contexts = { ...before.contexts, [name]: context };
      const current = use === true ? name : before.current;
      writeContexts({ current, contexts });
      if (out.json) out.document(shown(name, context, current));
      const next = current === name ? "agentctl doctor" : `agentctl context use ${name}`;
      out.talk(`${known === undefined ? "Made" : "Changed"} ${name}. Go on with: ${next}`);
      if (token !== undefined && token !== "-") {
        out.talk('What is on a command line is seen by others: another time use "--token -".');
      }
    });

  context
    .command("show [name]")
    .description("show a context, by default the current one")
    .action((name: string | undefined, _options: unknown, command: Command) => {
      const out = outputOf(command);
      const contexts = readContexts();
      const wanted = name ?? contexts.current;
      if (wanted === undefined) {
        throw new OpenAgentsError(
          "NOT_FOUND",
          "There is no current context: choose one with: agentctl context use NAME",
        );
      }
      const one = shown(wanted, contextOf(contexts, wanted), contexts.current);
      if (out.json) return out.document(one);
      for (const [key, value] of Object.entries<unknown>({ ...one, file: configFile() })) {
        out.print(`${key.padEnd(9)}  ${String(value)}`);
      }
      return undefined;
    });

  context
    .command("delete <name>")
    .description("forget a context; nothing happens to its home")
    .action((name: string, _options: unknown, command: Command) => {
      const out = outputOf(command);
      const before = readContexts();
      contextOf(before, name);
      writeContexts(renamed(before, name, undefined));
      if (out.json) out.document({ name, deleted: true });
      else
        out.talk(`Forgot ${name}.${before.current === name ? " No context is current now." : ""}`);
    });

  context
    .command("rename <name> <to>")
    .description("give a context another name")
    .action((name: string, to: string, _options: unknown, command: Command) => {
      const out = outputOf(command);
      const before = readContexts();
      contextOf(before, name);
      if (Object.hasOwn(before.contexts, contextName(to))) {
        throw new OpenAgentsError(
          "EXISTS",
          `Cannot rename "${name}": there is a context "${to}": delete it first, or choose another name`,
        );
      }
      writeContexts(renamed(before, name, to));
      if (out.json) out.document({ name: to, before: name });
      else out.talk(`${name} is ${to} now.`);
    });
}

const MAKE = "agentctl context set NAME --url URL --token -";

/** A token as it was given, or asked for. */
async function tokenOf(given: string): Promise<string> {
  if (given !== "-") return notEmpty("--token", given)!;
  return (await readSecret({ what: "token" })).trim();
}

/**
 * A context with what was given in the place of what was there. A token stays with its address: another
 * address needs one of its own. @throws UsageError when that is no context
 */
function changed(known: Context | undefined, given: Context): Context {
  const secrets = [given.token, given.tokenFile, given.data].filter((one) => one !== undefined);
  if (secrets.length > 1) {
    throw new UsageError("Cannot set a context: give one of --token, --token-file and --data");
  }
  if (known === undefined && given.url === undefined && given.data === undefined) {
    throw new UsageError(`Cannot make a context: give its address or data directory, as: ${MAKE}`);
  }
  if (Object.keys(given).length === 0) {
    throw new UsageError("Cannot change a context: say what is new: --url, --token or --data");
  }
  if (known === undefined || (given.data !== undefined && given.url === undefined)) return given;
  const moved = given.url !== undefined && given.url !== known.url;
  if (moved || secrets.length > 0) {
    const url = given.url ?? known.url;
    if (url !== undefined) return { ...given, url };
    throw new UsageError(
      `Cannot give a token to a context without an address: it has the one of its data directory: give --url too`,
    );
  }
  return { ...known, ...given };
}

function renamed(before: Contexts, name: string, to: string | undefined): Contexts {
  const contexts = Object.fromEntries(
    Object.entries(before.contexts).flatMap(([key, one]): [string, Context][] => {
      if (key !== name) return [[key, one]];
      return to === undefined ? [] : [[to, one]];
    }),
  );
  return { current: before.current === name ? to : before.current, contexts };
}

/** A context as it is printed. */
function shown(
  name: string,
  context: Context,
  current: string | undefined,
): Record<string, unknown> {
  const { token, ...rest } = context;
  return {
    name,
    current: name === current,
    ...rest,
    ...(token !== undefined && { token: masked(token) }),
  };
}

/** A token that can be told from another, and not be used. */
function masked(token: string): string {
  return token.length < 20 ? "****" : `****${token.slice(-4)}`;
}
