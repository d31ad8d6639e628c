/** The little that this page needs instead of a framework. */

type Child = Node | string | null | undefined;

/** Properties of an element; `class`, `role`, `list`, `for`, `aria-…` and `data-…` become attributes, `on…` functions listeners. */
type Props<E> = Partial<Omit<E, "children" | "list" | "style">> & { [attribute: string]: unknown };

const isAttribute = (name: string): boolean => /^(class|role|list|for|style)$|^(aria|data)-/.test(name);

/** Makes an element. */
export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  props: Props<HTMLElementTagNameMap[Tag]> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined) continue;
    if (isAttribute(name)) element.setAttribute(name, `${value as string}`);
    else Object.assign(element, { [name]: value });
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** A select of values and what they are called. */
export function select(
  name: string,
  label: string,
  options: Iterable<readonly [value: string, text: string]>,
): HTMLSelectElement {
  const element = h("select", { name, "aria-label": label });
  setOptions(element, options);
  return element;
}

/** Gives a select other options, and keeps what is selected if it is still among them. */
export function setOptions(
  element: HTMLSelectElement,
  options: Iterable<readonly [value: string, text: string]>,
): void {
  const wanted = [...options];
  const same =
    wanted.length === element.options.length &&
    wanted.every(([value, text], i) => element.options[i]?.value === value && element.options[i]?.text === text);
  if (same) return;
  const { value } = element;
  element.replaceChildren(...wanted.map(([value, text]) => h("option", { value }, text)));
  if (wanted.some(([each]) => each === value)) element.value = value;
}

/** A label around its control. */
export function field(text: string, control: HTMLElement, extra = ""): HTMLLabelElement {
  return h("label", { class: `field ${extra}`.trim() }, h("span", {}, text), control);
}

/** A button that is disabled, and says so by its text, while what it started goes on. */
export function actionButton(
  text: string,
  busyText: string,
  action: () => Promise<void>,
  kind = "",
): HTMLButtonElement {
  const button = h("button", { type: "button", class: kind }, text);
  button.onclick = () => {
    void keepingFocus(button, async () => {
      button.disabled = true;
      button.textContent = busyText;
      await action().finally(() => {
        button.disabled = false;
        button.textContent = text;
      });
    });
  };
  return button;
}

/** Does what disables a button, which takes the focus from it; gives it back if nothing else has it by then. */
export async function keepingFocus(button: HTMLButtonElement, action: () => Promise<void>): Promise<void> {
  const hadFocus = document.activeElement === button;
  await action();
  if (hadFocus && document.activeElement === document.body) button.focus({ preventScroll: true });
}

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
