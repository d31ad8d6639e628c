/** Numbers, times and sizes as a person reads them. */

const whole = new Intl.NumberFormat("en");
/** 100,000 */
export const number = (value: number): string => whole.format(value);
/** 1 row, 2 rows */
export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${number(count)} ${count === 1 ? one : many}`;
/** Milliseconds, as exact as the clock is. */
export const duration = (ms: number): string =>
  ms < 0.05
    ? "< 0.1 ms"
    : ms < 100
      ? `${ms.toFixed(1)} ms`
      : ms < 10_000
        ? `${number(Math.round(ms))} ms`
        : `${(ms / 1000).toFixed(1)} s`;
/** A moment of today. */
export const clock = (time: number): string => new Date(time).toLocaleTimeString("en-GB");
/** A moment; of another day with its date. */
export function clockOf(time: number): string {
  const date = new Date(time);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday ? clock(time) : date.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "short" });
}
/** Bytes in the unit that reads best. */
export function bytes(value: number): string {
  if (value < 1000) return `${value} B`;
  const units = ["KB", "MB", "GB", "TB"];
  let unit = -1;
  do {
    value /= 1000;
    unit += 1;
  } while (value >= 1000 && unit < units.length - 1);
  return `${value.toFixed(value < 10 ? 1 : 0)} ${units[unit]}`;
}
/** A day as date inputs write it. Dates here are days in UTC. */
export const day = (time: number): string => new Date(time).toISOString().slice(0, 10);
