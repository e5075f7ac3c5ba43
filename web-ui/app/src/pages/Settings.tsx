import { BadgeCheck, HardDrive, Inbox, LogOut, MonitorSmartphone, Palette, RadioTower, Stethoscope, UserRound } from "lucide-react";
import { useState } from "react";
import { LinkStatus } from "../components/LinkStatus";
import { NavLink } from "../components/NavLink";
import { useSelect, useTidings } from "../state/react";
import { settingsSections } from "../state/routes";
import type { SettingsSection } from "../state/routes";
import { Avatar } from "../ui/Avatar";
import { Button } from "../ui/Button";
import { Dialog } from "../ui/Dialog";
import { t } from "../ui/i18n";
import { Appearance } from "./settings/Appearance";
import { Doctor } from "./settings/Doctor";
import { IdentitiesPane } from "./settings/IdentitiesPane";
import { Mailboxes } from "./settings/Mailboxes";
import { NodeStatus } from "./settings/NodeStatus";
import { Profile } from "./settings/Profile";
import { Sessions } from "./settings/Sessions";
import { StoragePane } from "./settings/StoragePane";

const icons: Record<SettingsSection, React.ReactNode> = {
  profile: <UserRound />,
  identities: <BadgeCheck />,
  appearance: <Palette />,
  sessions: <MonitorSmartphone />,
  mailboxes: <Inbox />,
  storage: <HardDrive />,
  status: <RadioTower />,
  doctor: <Stethoscope />,
};

/** The list of settings sections, under the person they belong to. */
export function Settings({ section }: { section?: SettingsSection | undefined }) {
  const status = useSelect((state) => state.status);
  const waiting = useSelect((state) => state.outgoing.length);
  const { signOut } = useTidings();
  const [leaving, setLeaving] = useState(false);
  return (
    <>
      <header className="list-header">
        <div className="list-heading">
          <h1>{t("settings.title")}</h1>
          <LinkStatus />
        </div>
      </header>
      <nav className="list-scroll" aria-label={t("settings.sections")}>
        {status && (
          <div className="me">
            <Avatar id={status.account} name={status.name} size="large" />
            <p className="contact-name" dir="auto">
              {status.name}
            </p>
          </div>
        )}
        <ul role="list" className="rows">
          {settingsSections.map((it) => (
            <li key={it}>
              <NavLink to={{ page: "settings", section: it }} className="row" aria-current={it === section ? "page" : undefined}>
                <span className="row-icon">{icons[it]}</span>
                <span className="row-body">
                  <strong className="row-title">{t(`settings.${it}`)}</strong>
                  <span className="row-text">{t(`settings.${it}-hint`)}</span>
                </span>
              </NavLink>
            </li>
          ))}
          <li>
            <button type="button" className="row row-danger" onClick={() => setLeaving(true)}>
              <span className="row-icon">
                <LogOut className="flips" />
              </span>
              <span className="row-title">{t("settings.sign-out")}</span>
            </button>
          </li>
        </ul>
      </nav>
      {leaving && (
        <Dialog title={t("settings.sign-out-confirm")} onClose={() => setLeaving(false)} className="dialog-narrow">
          <p className="lead">{t("settings.sign-out-hint")}</p>
          {waiting > 0 && <p className="problem">{t("settings.sign-out-queued")}</p>}
          <div className="dialog-actions">
            <Button onClick={() => setLeaving(false)}>{t("dialog.cancel")}</Button>
            <Button tone="danger" onClick={() => void signOut()}>
              {t("settings.sign-out")}
            </Button>
          </div>
        </Dialog>
      )}
    </>
  );
}

export function SettingsPane({ section }: { section: SettingsSection }) {
  switch (section) {
    case "profile":
      return <Profile />;
    case "identities":
      return <IdentitiesPane />;
    case "appearance":
      return <Appearance />;
    case "sessions":
      return <Sessions />;
    case "mailboxes":
      return <Mailboxes />;
    case "storage":
      return <StoragePane />;
    case "doctor":
      return <Doctor />;
    case "status":
      return <NodeStatus />;
  }
}
