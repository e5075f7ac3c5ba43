import { ArrowLeft } from "lucide-react";
import type { ReactNode } from "react";
import { useRoute } from "../state/react";
import { parent } from "../state/routes";
import { t } from "../ui/i18n";
import { NavLink } from "./NavLink";

type Props = {
  title: ReactNode;
  below?: ReactNode;
  before?: ReactNode;
  children?: ReactNode;
  /** What a click on the title does, besides the button that does the same and that a keyboard reaches. */
  onOpen?: (() => void) | undefined;
};

/** The bar above the main pane; on a phone it also leads back to the list. */
export function MainHeader({ title, below, before, children, onOpen }: Props) {
  const route = useRoute();
  return (
    <header className="main-header">
      <NavLink to={parent(route)} className="icon-button back" aria-label={t("nav.back")} title={t("nav.back")}>
        <ArrowLeft className="flips" />
      </NavLink>
      {/* oxlint-disable-next-line jsx-a11y/click-events-have-key-events, jsx-a11y/no-static-element-interactions -- the button beside it does the same */}
      <div className={onOpen ? "main-title opens" : "main-title"} onClick={onOpen}>
        {before}
        <div className="main-heading">
          <h1 dir="auto">{title}</h1>
          {below}
        </div>
      </div>
      <div className="main-tools">{children}</div>
    </header>
  );
}
