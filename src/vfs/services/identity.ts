import type { FileError } from "../../core/file-error.ts";
import type { AgentFace } from "../../core/ports/index.ts";
import { failed } from "../failed.ts";
import { fixedDirectory } from "../nodes.ts";
import type { DirectoryNode, FileNode } from "../nodes.ts";
import { spoken, textFile, TEXT_TYPE } from "./content.ts";

/**
 * `identity`: who the agent is, and what its key does. To use the key, something is written to a file and
 * the answer is read from the same handle: no two who ask see each other's.
 */
export function identity({ identity: key, limits }: AgentFace): DirectoryNode {
  const answers = (work: (text: string) => Promise<string>): FileNode => ({
    exchange: async (data) => work(spoken(data, "what is asked of the key")),
    facts: () => ({ type: TEXT_TYPE, limit: limits.envelopeBytes }),
  });
  return fixedDirectory({
    pubkey: textFile(() => `${key.publicKey}\n`),
    npub: textFile(() => `${key.npub}\n`),
    sign: answers(async (text) => {
      const hash = text.trim();
      if (!/^[0-9a-f]{64}$/i.test(hash)) {
        throw refused("sign", "it must be a 32-byte hash, as 64 hex digits");
      }
      return `${await key.sign(hash)}\n`;
    }),
    verify: answers(async (text) => {
      const [publicKey, hash, signature, ...more] = text.trim().split(/\s+/);
      if (signature === undefined || more.length > 0) {
        throw refused("verify", "it must be a public key, a hash and a signature, in hex");
      }
      return `${key.verify(publicKey!, hash!, signature)}\n`;
    }),
    encrypt: answers(async (text) => {
      const [to, rest] = firstLine(text, "encrypt", "whom it is for, then the text");
      return `${await key.encrypt(to, rest)}\n`;
    }),
    decrypt: answers(async (text) => {
      const [from, rest] = firstLine(text, "decrypt", "whom it is from, then the payload");
      return `${await key.decrypt(from, rest.trim())}\n`;
    }),
  });
}

function firstLine(text: string, name: string, need: string): readonly [string, string] {
  const end = text.indexOf("\n");
  if (end > 0) return [text.slice(0, end).trim(), text.slice(end + 1)];
  throw refused(name, `its first line must say ${need}`);
}

/** The path is one in this service: what it has above that is for whoever has mounted it to say. */
function refused(name: string, why: string): FileError {
  return failed("EINVAL", "ask", `/${name}`, why);
}
