import { ArrowLeft } from "lucide-react";
import type { ReactNode } from "react";
import { useRoute } from "../state/react";
import { parent } from "../state/routes";
import { t } from "../ui/i18n";
import { NavLink } from "./NavLink";

type Props = { title: ReactNode; below?: ReactNode; before?: ReactNode; children?: ReactNode };

/** The bar above the main pane; on a phone it also leads back to the list. */
export function MainHeader({ title, below, before, children }: Props) {
  const route = useRoute();
  return (
    <header className="main-header">
      <NavLink to={parent(route)} className="icon-button back" aria-label={t("nav.back")} title={t("nav.back")}>
        <ArrowLeft className="flips" />
      </NavLink>
      {before}
      <div className="main-heading">
        <h1 dir="auto">{title}</h1>
        {below}
      </div>
      <div className="main-tools">{children}</div>
    </header>
  );
}
