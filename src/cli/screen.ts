const ENTER = "\u001b[?1049h\u001b[?25l";
const LEAVE = "\u001b[?25h\u001b[?1049l";
/** Terminals that know them show what is between these at once, and others ignore them. */
const BEGIN = "\u001b[?2026h";
const END = "\u001b[?2026l";
const HOME = "\u001b[H";
const CLEAR_LINE = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";

/** `q`, `Q`, Ctrl-C and Ctrl-D. */
const LEAVING: ReadonlySet<number> = new Set([0x71, 0x51, 3, 4]);

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A terminal's whole screen, until it is given back. */
export interface Screen {
  readonly rows: number;
  readonly columns: number;
  /** Aborted when somebody wants to leave: by `q`, Ctrl-C or a signal. */
  readonly left: AbortSignal;
  /** Shows these lines, and nothing else; what does not fit below is left out. */
  draw(lines: readonly string[]): void;
  /** Gives the terminal back as it was. Idempotent; done too when the process ends by itself. */
  close(): void;
}

/** Takes the terminal's screen; `onResize` is called when it has another size, or was away. */
export function openScreen(onResize: () => void): Screen {
  const { stdin, stdout } = process;
  const controller = new AbortController();
  const leave = (): void => controller.abort();
  const onKey = (keys: Buffer): void => {
    // In raw mode Ctrl-C is a key.
    if (keys.some((key) => LEAVING.has(key))) leave();
  };
  const onContinue = (): void => {
    stdout.write(ENTER);
    onResize();
  };
  let open = true;
  const close = (): void => {
    if (!open) return;
    open = false;
    for (const signal of SIGNALS) process.off(signal, leave);
    process.off("SIGCONT", onContinue);
    process.off("exit", close);
    stdout.off("resize", onResize);
    if (stdin.isTTY) {
      stdin.off("data", onKey);
      stdin.setRawMode(false);
      stdin.pause();
    }
    stdout.write(LEAVE);
  };
  for (const signal of SIGNALS) process.on(signal, leave);
  process.on("SIGCONT", onContinue);
  process.on("exit", close);
  stdout.on("resize", onResize);
  if (stdin.isTTY) {
    stdin.setRawMode(true);
    stdin.on("data", onKey);
  }
  stdout.write(ENTER);
  return {
    get rows() {
      return stdout.rows;
    },
    get columns() {
      return stdout.columns;
    },
    left: controller.signal,
    draw(lines) {
      if (!open) return;
      const shown = lines.slice(0, stdout.rows).map((line) => `${line}${CLEAR_LINE}`);
      // Written over, and not cleared first: nothing flickers.
      stdout.write(`${BEGIN}${HOME}${shown.join("\n")}${CLEAR_BELOW}${END}`);
    },
    close,
  };
}
