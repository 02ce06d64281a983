/**
 * Stops all ticks of a home, whoever runs them: the big red button. What is on stays on over restarts.
 */
export interface Brake {
  /**
   * True while no tick is to begin. Asked before each one, so mostly it is remembered, and then no
   * promise. Never rejects.
   */
  on(): boolean | Promise<boolean>;
  /** Durable when it resolves; other holders of the same brake know of it once they look again. */
  set(on: boolean): Promise<void>;
  /** After how long whoever found it on looks again, ms; absent where nobody else can let it go. */
  readonly again?: number | undefined;
}
