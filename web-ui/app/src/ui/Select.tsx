import { ChevronDown } from "lucide-react";

type Props<T extends string> = {
  label: string;
  value: T;
  options: readonly { value: T; text: string }[];
  onChange: (value: T) => void;
  disabled?: boolean;
  /** The label is for a screen reader alone: what stands beside it says the same. */
  bare?: boolean;
};

/** One of several: the platform's own list, which every hand and every reader knows. */
export function Select<T extends string>({ label, value, options, onChange, disabled = false, bare = false }: Props<T>) {
  return (
    <label className={bare ? "select select-bare" : "select"}>
      <span className={bare ? "visually-hidden" : "select-label"}>{label}</span>
      <span className="select-box">
        <select value={value} disabled={disabled} onChange={(event) => onChange(event.currentTarget.value as T)}>
          {options.map((it) => (
            <option key={it.value} value={it.value}>
              {it.text}
            </option>
          ))}
        </select>
        <ChevronDown aria-hidden="true" />
      </span>
    </label>
  );
}
