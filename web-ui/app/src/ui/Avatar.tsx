import { initials, tone } from "./format";

type Props = { id: string; name: string; size?: "small" | "medium" | "large" | "huge"; online?: boolean };

/** Initials on a colour of the id's own. The name always stands beside it, so it says nothing to a screen reader. */
export function Avatar({ id, name, size = "medium", online = false }: Props) {
  return (
    <span className={`avatar avatar-${size}`} data-tone={tone(id)} aria-hidden="true">
      {initials(name)}
      {online && <span className="avatar-online" />}
    </span>
  );
}
