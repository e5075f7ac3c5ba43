import type { AnchorHTMLAttributes, MouseEvent } from "react";
import { navigate } from "../state/react";
import { format } from "../state/routes";
import type { Route } from "../state/routes";

type Props = AnchorHTMLAttributes<HTMLAnchorElement> & { to: Route };

/** A link within the page: a real address, without loading the page again. */
export function NavLink({ to, onClick, children, ...rest }: Props) {
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event);
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    navigate(to);
  };
  return (
    <a href={format(to)} onClick={follow} {...rest}>
      {children}
    </a>
  );
}
