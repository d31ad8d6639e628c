/**
 * The engine may trap: a fault of ours, or no memory left. All databases of the page that use one share an instance of it, which can't
 * be used any more then. Another one is made, and each database opens anew what is stored.
 */
import type { onTrap, restart } from "../pkg/holdfast.js";
import { HoldfastError } from "./errors.js";

/** A database, as the instance of the engine knows it. */
export interface EngineUser {
  /** The engine has trapped: what was asked of it has no answer. Nobody may call it until it is restarted. */
  fell(error: HoldfastError): void;
  /** There is another instance, with this memory. */
  restarted(memory: WebAssembly.Memory): void;
  /** It traps again and again: there will be none for those who use it now. */
  gaveUp(error: HoldfastError): void;
}

/** So often within so long it is tried again. */
const TIMES = 5;
const WITHIN_MS = 60_000;

/** What wasm-bindgen has made of an engine's binary, as far as traps are concerned. */
interface Glue {
  readonly onTrap: typeof onTrap;
  readonly restart: typeof restart;
}

/** Watches an engine. Whoever uses it is one of `users`; `renewed` hears of another memory. */
export function watchTraps(
  { onTrap, restart }: Glue,
  users: Set<EngineUser>,
  renewed: (memory: WebAssembly.Memory) => void,
): void {
  let times: number[] = [];
  onTrap((cause) => {
    const error = faultOf(cause);
    for (const user of users) user.fell(error);
    // What the engine has called, and what has called it, comes to its end first.
    queueMicrotask(() => {
      const now = performance.now();
      times = [...times.filter((time) => now - time < WITHIN_MS), now];
      let memory: WebAssembly.Memory;
      try {
        memory = restart();
        renewed(memory);
      } catch {
        return giveUp(users, error);
      }
      if (times.length > TIMES) return giveUp(users, error);
      for (const user of [...users]) user.restarted(memory);
    });
    return error;
  });
}

function giveUp(users: Set<EngineUser>, error: HoldfastError): void {
  for (const user of [...users]) user.gaveUp(error);
}

function faultOf(cause: unknown): HoldfastError {
  const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return new HoldfastError(
    "EngineFault",
    `Holdfast's engine has failed (${reason}). That is a fault of Holdfast, or the page has no memory left. What was saved is safe.`,
    { cause, retryable: true },
  );
}
