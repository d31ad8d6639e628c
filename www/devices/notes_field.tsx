/**
 * Notes that both devices may edit at once: what is typed goes out in bursts, each of which is one step of undo, as an edit of
 * the letters that have changed; what comes goes in beside it.
 */
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { applied, type Edit, editOf, moved, rebased } from "./letters";

interface Props {
  label: string;
  notes: string;
  /** The notes as they are by now, if they are known at once. */
  current: () => string | undefined;
  /** Saves an edit of such notes. */
  save: (before: string, edit: Edit) => Promise<unknown>;
  /** Does so later, since the page goes. */
  keep: (before: string, edit: Edit) => void;
}

/** Who types nothing for so long has ended a burst. */
const pauseMs = 400;
/** A burst that does not end by itself ends after so long: others want to see something. */
const longestMs = 2000;

export function NotesField({ label, notes, current, save, keep }: Props) {
  const field = useRef<HTMLTextAreaElement>(null);
  const burst = useBurst(write);
  /** React would write others over it, as long as nobody has typed. */
  const [first] = useState(notes);
  /** What the field showed when something was handed over to be saved, or has come. */
  const known = useRef(notes);
  /** How many bursts are on their way. */
  const saving = useRef(0);
  /** A letter is being put together from several keys: nobody may write into the field. */
  const isComposing = useRef(false);

  /** Shows what has come beside what was typed, and leaves the cursor between the letters where it was. */
  function show(): void {
    const element = field.current;
    // What is on its way may be in it or not.
    if (element === null || isComposing.current || saving.current > 0) return;
    const now = current() ?? notes;
    const typed = editOf(known.current, element.value);
    const text = applied(rebased(typed, editOf(known.current, now)), now);
    known.current = now;
    if (element.value === text) return;
    const edit = editOf(element.value, text);
    const { selectionStart, selectionEnd } = element;
    element.value = text;
    element.setSelectionRange(moved(selectionStart, edit), moved(selectionEnd, edit));
  }
  const latest = useRef(show);
  useLayoutEffect(() => {
    latest.current = show;
  });
  useLayoutEffect(() => show(), [notes]);

  /** What was typed since something was handed over last. */
  function handOver(to: (before: string, edit: Edit) => void): void {
    const element = field.current;
    if (element === null || isComposing.current) return;
    const before = known.current;
    const after = element.value;
    known.current = after;
    if (before !== after) to(before, editOf(before, after));
  }
  function write(isLast: boolean): void {
    if (isLast) return handOver(keep);
    handOver((before, edit) => {
      saving.current += 1;
      void save(before, edit).then(() => {
        saving.current -= 1;
        latest.current();
      });
    });
  }

  return (
    <textarea
      ref={field}
      className="notes"
      name="notes"
      aria-label={label}
      placeholder="Notes"
      autoComplete="off"
      rows={1}
      defaultValue={first}
      onChange={burst.goOn}
      onBlur={() => burst.end()}
      onCompositionStart={() => (isComposing.current = true)}
      onCompositionEnd={() => {
        isComposing.current = false;
        burst.goOn();
        show();
      }}
    />
  );
}

/**
 * Letters that are typed one soon after another. Writes them when there is a pause, and before the field goes; before the page
 * goes, it says that there is no time.
 */
function useBurst(write: (isLast: boolean) => void) {
  const state = useRef<{ began?: number; timer?: ReturnType<typeof setTimeout> }>({});
  const latest = useRef(write);
  useLayoutEffect(() => {
    latest.current = write;
  });
  const end = (isLast = false): void => {
    clearTimeout(state.current.timer);
    state.current = {};
    latest.current(isLast);
  };
  const goOn = (): void => {
    const now = performance.now();
    const { began = now, timer } = state.current;
    clearTimeout(timer);
    state.current = { began, timer: setTimeout(end, Math.max(0, Math.min(pauseMs, began + longestMs - now))) };
  };
  // Before the field is taken away, not after it.
  useLayoutEffect(() => () => end(), []);
  useEffect(() => {
    const pageGoes = (): void => end(true);
    const pageHides = (): void => end();
    addEventListener("pagehide", pageGoes);
    document.addEventListener("visibilitychange", pageHides);
    return () => {
      removeEventListener("pagehide", pageGoes);
      document.removeEventListener("visibilitychange", pageHides);
    };
  }, []);
  return { goOn, end };
}
