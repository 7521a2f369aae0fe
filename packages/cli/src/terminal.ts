// Where a command reads from and writes to. Results go to `out`, everything else to `err`.

import { styleText } from "node:util";

export interface Terminal {
  readonly out: (text: string) => unknown;
  readonly err: (text: string) => unknown;
  readonly cwd: string;
  readonly color: boolean;
  /** Whether a line of `err` may be written over by the next. */
  readonly isInteractive: boolean;
  /** Aborts when somebody has seen enough. */
  readonly signal?: AbortSignal;
}

type Style = Parameters<typeof styleText>[0];

export function paint({ color }: Terminal, style: Style, text: string): string {
  return color ? styleText(style, text, { validateStream: false }) : text;
}

const firstAfterMs = 1_000;
const everyMs = { interactive: 200, otherwise: 5_000 };

/** Says how far something is, once it has taken a second. */
export class Progress {
  readonly #terminal: Terminal;
  #nextMs = Date.now() + firstAfterMs;
  #isShown = false;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  show(text: () => string): void {
    const now = Date.now();
    if (now >= this.#nextMs) {
      const { err, isInteractive } = this.#terminal;
      this.#nextMs = now + (isInteractive ? everyMs.interactive : everyMs.otherwise);
      this.#isShown = true;
      err(isInteractive ? `\r${text()}\u001b[K` : `${text()}\n`);
    }
  }

  end(): void {
    if (this.#isShown && this.#terminal.isInteractive) {
      this.#terminal.err("\r\u001b[K");
    }
  }
}
