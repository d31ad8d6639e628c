/** A day that may be none. */
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { day } from "../format";

interface Props {
  label: string;
  value: number | undefined;
  save: (value: number | undefined) => void;
}

/** A date that is typed is another valid one at each digit of its year: only what stands for so long is meant. */
const pauseMs = 800;

export function DayField({ label, value, save }: Props) {
  const [typed, type] = useState<string>();
  const stored = value === undefined ? "" : day(value);
  const write = (): void => {
    if (typed === undefined) return;
    type(undefined);
    if (typed !== stored) save(typed === "" ? undefined : Date.parse(typed));
  };
  const latest = useRef(write);
  useLayoutEffect(() => {
    latest.current = write;
  });
  useEffect(() => {
    if (typed === undefined) return;
    const timer = setTimeout(() => latest.current(), pauseMs);
    return () => clearTimeout(timer);
  }, [typed]);
  // Before the field is taken away, or the page hides.
  useLayoutEffect(() => () => latest.current(), []);
  useEffect(() => {
    const hides = (): void => latest.current();
    document.addEventListener("visibilitychange", hides);
    return () => document.removeEventListener("visibilitychange", hides);
  }, []);
  return (
    <input
      type="date"
      name="due"
      aria-label={label}
      value={typed ?? stored}
      onChange={(event) => type(event.target.value)}
      onBlur={write}
    />
  );
}
