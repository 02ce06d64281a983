import { base64 } from "@scure/base";
import type { FileEdit } from "./ports/agent-face.ts";
import type { FileService } from "./ports/files.ts";

/** The payload of the command `files`: a change of an agent's own tree, by an operator. */
export interface FilesCommand {
  readonly command: "files";
  readonly edit: FileEdit;
}

/** Does to a tree what a change says. @throws as `FileService` */
export async function applyEdit(tree: FileService, edit: FileEdit): Promise<void> {
  if ("write" in edit) {
    const { write, data, at, create, ifMatch } = edit;
    const bytes =
      typeof data === "string" ? new TextEncoder().encode(data) : base64.decode(data.base64);
    await tree.write(write, bytes, { at, create, ifMatch });
  } else if ("remove" in edit) {
    await tree.remove(edit.remove);
  } else if ("rename" in edit) {
    await tree.rename(edit.rename, edit.to);
  } else {
    await tree.makeDirectory?.(edit.makeDirectory);
  }
}
