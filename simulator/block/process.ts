/**
 * A process of the simulated world: a manager, a gateway, a receiver. Whatever port it is handed is bound to it. Once it is
 * dead its calls have no effect and their promises never settle: what it was doing stops where it stood, as after SIGKILL.
 */
export interface SimulatedProcess {
  /** For people and decisions; it identifies nothing. A process that is started again is another one. */
  readonly name: string;
  isAlive(): boolean;
  /** Ends it for good. Does nothing once it is dead. */
  kill(): void;
  /**
   * Has `undo` called once when it dies, after all that were given before; at once if it is dead already. It is dead by
   * then. For the ports: a killed process itself gets no last word. Call what is returned once there is nothing left to
   * undo: a process that lives long would keep everything it ever had.
   */
  whenKilled(undo: () => void): () => void;
}

/** Starts a process. */
export function simulatedProcess(name: string): SimulatedProcess {
  let undos: Set<() => void> | undefined = new Set();
  return {
    name,
    isAlive: () => undos !== undefined,
    kill() {
      const all = [...(undos ?? [])];
      undos = undefined;
      for (const undo of all) undo();
    },
    whenKilled(undo) {
      if (undos) undos.add(undo);
      else undo();
      return () => void undos?.delete(undo);
    },
  };
}
