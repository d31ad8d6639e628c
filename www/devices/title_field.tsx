/** A title: a text that becomes a field when somebody wants to change it. */
import { useEffect, useRef, useState } from "react";

interface Props {
  title: string;
  isDone: boolean;
  /** Hears what was typed, without blanks around it. */
  save: (title: string) => void;
}

export function TitleField({ title, isDone, save }: Props) {
  const [typed, type] = useState<string>();
  const button = useRef<HTMLButtonElement>(null);
  const isLeftByKey = useRef(false);
  const isEdited = typed !== undefined;
  useEffect(() => {
    if (!isEdited && isLeftByKey.current) button.current?.focus();
    isLeftByKey.current = false;
  }, [isEdited]);

  if (!isEdited) {
    return (
      <button
        ref={button}
        type="button"
        name="title"
        className={`title${isDone ? " done" : ""}`}
        title="Change the title"
        onClick={() => type(title)}
      >
        {title}
      </button>
    );
  }
  const end = (isSaved: boolean): void => {
    if (isSaved) save(typed.trim());
    type(undefined);
  };
  return (
    <input
      className="title"
      aria-label="Title"
      autoFocus
      autoComplete="off"
      value={typed}
      onFocus={(event) => event.target.select()}
      onChange={(event) => type(event.target.value)}
      onBlur={() => end(true)}
      onKeyDown={(event) => {
        if (event.key !== "Enter" && event.key !== "Escape") return;
        event.preventDefault();
        isLeftByKey.current = true;
        end(event.key === "Enter");
      }}
    />
  );
}
