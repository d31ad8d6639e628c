/** Small parts that several others are made of. */
import { useLayoutEffect, useRef, useState, type ReactNode } from "react";

/** A label around its control. */
export function Labelled({ text, extra = "", children }: { text: string; extra?: string; children: ReactNode }) {
  return (
    <label className={`field ${extra}`.trim()}>
      <span>{text}</span>
      {children}
    </label>
  );
}

interface SelectProps {
  name: string;
  label: string;
  value: string;
  options: readonly (readonly [value: string, text: string])[];
  onChange: (value: string) => void;
  disabled?: boolean;
  title?: string;
}

/** A select of values and what they are called. */
export function Select({ name, label, value, options, onChange, ...rest }: SelectProps) {
  return (
    <select name={name} aria-label={label} value={value} onChange={(event) => onChange(event.target.value)} {...rest}>
      {options.map(([each, text]) => (
        <option key={each} value={each}>
          {text}
        </option>
      ))}
    </select>
  );
}

interface ActionProps {
  text: string;
  busyText: string;
  /** What a press starts. The button is disabled, and says so by its text, while it goes on. */
  action: () => Promise<void> | void;
  className?: string;
  disabled?: boolean;
  title?: string | undefined;
  /** What tells it from others of its row: see focus.ts. */
  name?: string;
}

export function ActionButton({ text, busyText, action, className = "", disabled = false, title, name }: ActionProps) {
  const [isActing, setActing] = useState(false);
  const isOff = isActing || disabled;
  const button = useKeptFocus(isOff);
  const press = async (): Promise<void> => {
    setActing(true);
    try {
      await action();
    } finally {
      setActing(false);
    }
  };
  return (
    <button
      ref={button}
      type="button"
      name={name}
      className={className}
      disabled={isOff}
      title={title}
      onClick={() => void press()}
    >
      {isActing ? busyText : text}
    </button>
  );
}

/** A button that is disabled loses the focus: it gets it back if nothing else has it by then. */
export function useKeptFocus(isDisabled: boolean) {
  const button = useRef<HTMLButtonElement>(null);
  const hadFocus = useRef(false);
  useLayoutEffect(() => {
    const element = button.current;
    // Some browsers take it away at once, and say so.
    const blurred = () => (hadFocus.current = element!.disabled);
    element?.addEventListener("blur", blurred);
    return () => element?.removeEventListener("blur", blurred);
  }, []);
  useLayoutEffect(() => {
    // Others do that only when the page is laid out.
    if (isDisabled) hadFocus.current ||= document.activeElement === button.current;
    else if (hadFocus.current) {
      hadFocus.current = false;
      if (document.activeElement === document.body) button.current?.focus({ preventScroll: true });
    }
  }, [isDisabled]);
  return button;
}

/** A dialog that is open as long as it is there. `onClose` has to take it away. */
export function Dialog({
  label,
  labelledBy,
  className,
  onClose,
  children,
}: {
  label?: string;
  labelledBy?: string;
  className?: string;
  onClose: () => void;
  children: ReactNode;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => {
    const element = dialog.current!;
    if (!element.open) element.showModal();
    // Closed first, so that the focus goes back to where it was.
    return () => element.close();
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-label={label}
      aria-labelledby={labelledBy}
      className={className}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
    >
      {children}
    </dialog>
  );
}
