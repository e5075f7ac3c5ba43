import { useState } from "react";
import { initials, tone } from "./format";

type Props = {
  id: string;
  name: string;
  size?: "small" | "medium" | "large" | "huge";
  online?: boolean;
  picture?: string | undefined;
};

/** A picture, or initials on a colour of the id's own. The name stands beside it, so it says nothing to a screen reader. */
export function Avatar({ id, name, size = "medium", online = false, picture }: Props) {
  const [broken, setBroken] = useState<string>();
  const shown = picture !== undefined && picture !== broken;
  return (
    <span className={`avatar avatar-${size}`} data-tone={tone(id)} aria-hidden="true">
      {shown ? <img src={picture} alt="" onError={() => setBroken(picture)} /> : initials(name)}
      {online && <span className="avatar-online" />}
    </span>
  );
}
