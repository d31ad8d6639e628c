/**
 * Where the focus goes when what has it leaves the page: a row that was deleted, a button that was the last of its kind, a
 * message that was answered. Browsers let it fall to the whole page then, and who works by keys begins again at its top.
 *
 * From a row of a list it goes to the same control, by its name, of the row that takes its place; from a message to where it
 * was before; else to what lies around and may have it, by a `tabindex`.
 */

/** What has the focus, or had it last and has not given it up. */
let last: HTMLElement | undefined;
/** The same, apart from messages. */
let besideMessages: HTMLElement | undefined;
/** Somebody presses a button of the mouse, and may mean to leave all behind. */
let isPointing = false;

const rows = "li, tr[data-id]";
const controls = ":is(button, input, select, textarea):enabled, a[href], summary";
/** What is typed would go to another row. */
const texts = "textarea, input:not([type=checkbox])";

const isNowhere = (): boolean => document.activeElement === null || document.activeElement === document.body;
const isOff = (element: HTMLElement): boolean => element.matches(":disabled");

/** Begins that. What nothing near can have goes to the one that `home` selects. */
export function keepFocus(home: string): void {
  document.addEventListener("focusin", ({ target }) => {
    isPointing = false;
    last = target as HTMLElement;
    if (last.closest("#notices") === null) besideMessages = last;
  });
  const pressed = (): void => {
    isPointing = true;
    if (isNowhere()) last = undefined;
    setTimeout(() => (isPointing = false));
  };
  document.addEventListener("mousedown", pressed, true);
  const left = (event: FocusEvent): void => {
    if (isPointing) last = undefined;
    // Some browsers tell it of what is taken away or disabled, too: then it was not given up.
    queueMicrotask(() => {
      const isGivenUp = last === event.target && last.isConnected && !isOff(last) && isNowhere();
      if (isGivenUp && document.hasFocus()) last = undefined;
    });
  };
  document.addEventListener("focusout", left, true);
  new MutationObserver((records) => {
    if (last === undefined || last.isConnected) return;
    const lost = last;
    last = undefined;
    if (isNowhere()) (heirOf(lost, records) ?? document.querySelector<HTMLElement>(home))?.focus();
  }).observe(document.body, { childList: true, subtree: true });
}

/** The element that has the focus, or has just lost it: by being disabled, or taken away. */
export const focused = (): HTMLElement | undefined => last;

/** Gives the focus of an element that is disabled now to another one. */
export function handOver(from: HTMLElement, to: HTMLElement): void {
  if (last === from && (isNowhere() || document.activeElement === from)) to.focus();
}

/** Who gets the focus of what was taken away. */
function heirOf(lost: HTMLElement, records: readonly MutationRecord[]): HTMLElement | undefined {
  // The outermost part that was taken away with it.
  let gone: Node = lost;
  let from: MutationRecord | undefined;
  for (const record of records) {
    const part = [...record.removedNodes].find((node) => node.contains(from?.target ?? gone));
    if (part !== undefined) [gone, from] = [part, record];
  }
  const around = from?.target;
  if (!(around instanceof Element) || !around.isConnected) return undefined;
  if (around.closest("#notices") !== null)
    return besideMessages?.isConnected && !isOff(besideMessages) ? besideMessages : undefined;
  const home = around.closest<HTMLElement>("[tabindex]") ?? undefined;
  const isOfRow = (gone as Element).matches(rows) && !lost.matches(texts);
  const row = isOfRow ? (following(from!) ?? preceding(from!)) : undefined;
  // A row that was scrolled out of sight has none in its place.
  if (row === undefined || (home !== undefined && !isInSight(row, home))) return home;
  const name = lost.getAttribute("name");
  const same = name === null ? null : row.querySelector<HTMLElement>(`[name="${name}"]:enabled`);
  return same ?? (row.hasAttribute("tabindex") ? row : row.querySelector<HTMLElement>(controls)) ?? home;
}

const isRow = (node: Node | null): node is HTMLElement =>
  node instanceof HTMLElement && node.isConnected && node.matches(rows);

function following({ nextSibling }: MutationRecord): HTMLElement | undefined {
  let node = nextSibling;
  while (node !== null && !isRow(node)) node = node.nextSibling;
  return node ?? undefined;
}

function preceding({ previousSibling }: MutationRecord): HTMLElement | undefined {
  let node = previousSibling;
  while (node !== null && !isRow(node)) node = node.previousSibling;
  return node ?? undefined;
}

function isInSight(row: Element, around: Element): boolean {
  const [inner, outer] = [row.getBoundingClientRect(), around.getBoundingClientRect()];
  return inner.bottom > outer.top && inner.top < outer.bottom;
}
