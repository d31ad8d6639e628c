/** Short messages over the page. */
import { Store } from "./store";

export interface Notice {
  id: number;
  kind: "good" | "bad";
  text: string;
  /** The error's name, where the library has one. */
  code?: string;
  /** What failed: it is forgiven when something of its kind succeeds. */
  of?: "change";
  action?: { text: string; run: () => Promise<void> };
}

/** So long a message that needs no answer stays. */
const shownMs = 8000;
/** So long one of a change that failed does: what it was about shows its old value again. */
const failedMs = 20_000;
/** More than these would hide the page. */
const most = 3;

export const notices = new Store<readonly Notice[]>([]);
let last = 0;

export function show(notice: Omit<Notice, "id">): void {
  const id = (last += 1);
  notices.set([...notices.value.slice(1 - most), { ...notice, id }]);
  if (notice.kind === "good" || notice.of) setTimeout(() => dismiss(id), notice.of ? failedMs : shownMs);
}

export const say = (text: string, action?: Notice["action"]): void =>
  show({ kind: "good", text, ...(action && { action }) });

export const dismiss = (id: number): void => notices.set(notices.value.filter((notice) => notice.id !== id));

/** A change has succeeded: what was said of those that failed is past. */
export function forgive(): void {
  if (notices.value.some(({ of }) => of)) notices.set(notices.value.filter(({ of }) => !of));
}
