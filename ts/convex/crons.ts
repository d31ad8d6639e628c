/**
 * Cron jobs: they can be written down, and are checked as Convex checks them; nobody starts them here.
 */
import { invalidArgument } from "../arguments.js";
import { checkedCopy } from "../checked.js";
import { describe } from "../describe.js";
import type { SchedulableFunctionReference } from "../functions/context.js";
import { getFunctionName, nameOfReference, type OptionalRestArgs } from "../functions/reference.js";
import type { JsonValue } from "../json.js";
import { convexToJson } from "./convex_json.js";

/** How often: every so many of one of these. */
type Interval =
  | { seconds: number; minutes?: undefined; hours?: undefined }
  | { minutes: number; seconds?: undefined; hours?: undefined }
  | { hours: number; seconds?: undefined; minutes?: undefined };
type Hourly = { minuteUTC?: number };
type Daily = { hourUTC: number; minuteUTC?: number };
type DayOfWeek = "sunday" | "monday" | "tuesday" | "wednesday" | "thursday" | "friday" | "saturday";
type Weekly = { dayOfWeek: DayOfWeek; hourUTC: number; minuteUTC?: number };
type Monthly = { day: number; hourUTC: number; minuteUTC?: number };

/** When a job is due. */
type Schedule =
  | { type: "cron"; cron: string }
  | ({ type: "interval" } & Interval)
  | ({ type: "hourly" } & Hourly)
  | ({ type: "daily" } & Daily)
  | ({ type: "weekly" } & Weekly)
  | ({ type: "monthly" } & Monthly);

/** A job: a function, and when it is due. */
export interface CronJob {
  /** The function's name. */
  name: string;
  /** Its arguments. */
  args: JsonValue;
  /** When it is due. */
  schedule: Schedule;
}

const DAYS: readonly unknown[] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/** Jobs by their names. */
export class Crons {
  /** What was noted. */
  crons: Record<string, CronJob> = {};
  /** Always true. */
  isCrons = true as const;

  /** Notes a job that is due again and again, after a time. */
  interval<Reference extends SchedulableFunctionReference>(
    name: string,
    schedule: Interval,
    reference: Reference,
    ...args: OptionalRestArgs<Reference>
  ): void {
    const given = [schedule.seconds, schedule.minutes, schedule.hours].filter((each) => each !== undefined);
    if (given.length !== 1) throw invalidArgument("Must specify one of seconds, minutes, or hours");
    if (!Number.isInteger(given[0]) || given[0]! <= 0) {
      throw invalidArgument("Interval must be an integer greater than 0");
    }
    this.#note(name, { ...schedule, type: "interval" }, reference, args);
  }

  /** Notes a job that is due every hour. */
  hourly<Reference extends SchedulableFunctionReference>(
    name: string,
    reference: Reference,
    ...args: OptionalRestArgs<Reference>
  ): void;
  /** Notes a job that is due every hour. */
  hourly<Reference extends SchedulableFunctionReference>(
    name: string,
    schedule: Hourly,
    reference: Reference,
    ...args: OptionalRestArgs<Reference>
  ): void;
  hourly(name: string, ...rest: unknown[]): void {
    const schedule = nameOfReference(rest[0]) === undefined ? (rest.shift() as Hourly) : {};
    const [reference, ...args] = rest;
    this.#note(name, { ...minuteOf(schedule), type: "hourly" }, reference, args);
  }

  /** Notes a job that is due every day. */
  daily<Reference extends SchedulableFunctionReference>(
    name: string,
    schedule: Daily,
    reference: Reference,
    ...args: OptionalRestArgs<Reference>
  ): void {
    this.#note(name, { ...hourOf(schedule), type: "daily" }, reference, args);
  }

  /** Notes a job that is due every week. */
  weekly<Reference extends SchedulableFunctionReference>(
    name: string,
    schedule: Weekly,
    reference: Reference,
    ...args: OptionalRestArgs<Reference>
  ): void {
    const { dayOfWeek } = schedule;
    if (!DAYS.includes(dayOfWeek)) throw invalidArgument('Day of week must be a string like "monday".');
    this.#note(name, { dayOfWeek, ...hourOf(schedule), type: "weekly" }, reference, args);
  }

  /** Notes a job that is due every month. */
  monthly<Reference extends SchedulableFunctionReference>(
    name: string,
    schedule: Monthly,
    reference: Reference,
    ...args: OptionalRestArgs<Reference>
  ): void {
    const day = within("Day of month", schedule.day, 1, 31);
    this.#note(name, { day, ...hourOf(schedule), type: "monthly" }, reference, args);
  }

  /** Notes a job that is due when a line of `cron` says so. */
  cron<Reference extends SchedulableFunctionReference>(
    name: string,
    cron: string,
    reference: Reference,
    ...args: OptionalRestArgs<Reference>
  ): void {
    this.#note(name, { cron, type: "cron" }, reference, args);
  }

  #note(name: string, schedule: Schedule, reference: unknown, [args = {}]: readonly unknown[]): void {
    if (typeof name !== "string" || !/^[ -~]*$/.test(name)) {
      throw invalidArgument(
        `Invalid cron identifier ${typeof name === "string" ? name : describe(name)}: use ASCII letters that are not control characters`,
      );
    }
    if (Object.hasOwn(this.crons, name)) throw invalidArgument(`Cron identifier registered twice: ${name}`);
    const job = {
      name: getFunctionName(reference as SchedulableFunctionReference),
      args: [convexToJson(checkedCopy(args))],
      schedule,
    };
    Object.defineProperty(this.crons, name, { value: job, enumerable: true, configurable: true, writable: true });
  }
}

/** Makes {@link Crons}. */
export const cronJobs = (): Crons => new Crons();

function within(what: string, value: unknown, least: number, most: number): number {
  if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
  throw invalidArgument(`${what} must be an integer from ${least} to ${most}`);
}

function minuteOf({ minuteUTC }: Hourly): Hourly {
  return minuteUTC === undefined ? {} : { minuteUTC: within("Minute of hour", minuteUTC, 0, 59) };
}

function hourOf(schedule: Daily): Daily {
  return { hourUTC: within("Hour of day", schedule.hourUTC, 0, 23), ...minuteOf(schedule) };
}
