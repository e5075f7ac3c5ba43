import { CircleAlert } from "lucide-react";
import { useEffect, useState } from "react";
import { MainHeader } from "../../components/MainHeader";
import { useSelect, useTidings } from "../../state/react";
import { Avatar } from "../../ui/Avatar";
import { Button } from "../../ui/Button";
import { t } from "../../ui/i18n";

export function Profile() {
  const { rename, toast } = useTidings();
  const status = useSelect((state) => state.status);
  const [name, setName] = useState(status?.name ?? "");
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  useEffect(() => setName(status?.name ?? ""), [status?.name]);

  const save = async () => {
    if (name.trim() === "") {
      setProblem(t("profile.empty"));
      return;
    }
    setBusy(true);
    setProblem(undefined);
    try {
      await rename(name.trim());
      toast("info", t("profile.saved"));
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    } finally {
      setBusy(false);
    }
  };

  return (
    <main className="main" id="main">
      <MainHeader title={t("settings.profile")} />
      <div className="page">
        <form
          className="panel form"
          onSubmit={(event) => {
            event.preventDefault();
            void save();
          }}
        >
          <div className="profile-face">
            <Avatar id={status?.account ?? ""} name={name} size="huge" />
          </div>
          <label htmlFor="profile-name">{t("profile.name")}</label>
          <input
            id="profile-name"
            className="field"
            type="text"
            dir="auto"
            autoComplete="off"
            maxLength={64}
            value={name}
            aria-describedby={problem ? "profile-problem profile-hint" : "profile-hint"}
            aria-invalid={problem !== undefined}
            onInput={(event) => {
              setName(event.currentTarget.value);
              setProblem(undefined);
            }}
          />
          {problem && (
            <p id="profile-problem" className="problem" role="alert">
              <CircleAlert aria-hidden="true" />
              {problem}
            </p>
          )}
          <p id="profile-hint" className="hint">
            {t("profile.name-hint")}
          </p>
          <div className="form-actions">
            <Button type="submit" tone="primary" disabled={busy || name.trim() === status?.name}>
              {t("profile.save")}
            </Button>
          </div>
        </form>
      </div>
    </main>
  );
}
