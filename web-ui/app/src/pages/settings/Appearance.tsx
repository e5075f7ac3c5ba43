import { useState } from "react";
import type { ReactNode } from "react";
import { MainHeader } from "../../components/MainHeader";
import { accents, loadPreferences, savePreferences, textSizes, themes } from "../../state/preferences";
import type { Preferences } from "../../state/preferences";
import { t } from "../../ui/i18n";
import { StateIcon } from "../../ui/StateIcon";

export function Appearance() {
  const [chosen, setChosen] = useState(loadPreferences);
  const choose = (change: Partial<Preferences>) => {
    const next = { ...chosen, ...change };
    setChosen(next);
    savePreferences(next);
  };
  return (
    <main className="main" id="main">
      <MainHeader title={t("settings.appearance")} />
      <div className="page">
        <section className="panel">
          <Choice legend={t("appearance.theme")} name="theme" className="themes">
            {themes.map((it) => (
              <Option key={it} name="theme" checked={chosen.theme === it} onChoose={() => choose({ theme: it })}>
                <span className="theme-picture" data-shows={it} aria-hidden="true">
                  <i />
                  <i />
                </span>
                {t(`appearance.theme-${it}`)}
              </Option>
            ))}
          </Choice>
          <Choice legend={t("appearance.accent")} name="accent" className="accents">
            {accents.map((it) => (
              <Option key={it} name="accent" checked={chosen.accent === it} onChoose={() => choose({ accent: it })}>
                <span className="accent-picture" data-accent={it} aria-hidden="true" />
                {t(`appearance.accent-${it}`)}
              </Option>
            ))}
          </Choice>
          <Choice legend={t("appearance.text-size")} name="text-size" className="sizes">
            {textSizes.map((it) => (
              <Option key={it} name="text-size" checked={chosen.textSize === it} onChoose={() => choose({ textSize: it })}>
                <span className="size-picture" data-shows={it} aria-hidden="true">
                  Aa
                </span>
                {t(`appearance.text-${it}`)}
              </Option>
            ))}
          </Choice>
          <p className="hint">{t("appearance.kept")}</p>
        </section>
        <section className="panel preview" aria-label={t("appearance.preview")}>
          <ul role="list">
            <li className="message theirs first last">
              <div className="bubble">
                <div className="text">{t("appearance.preview-theirs")}</div>
                <span className="meta">09:41</span>
              </div>
            </li>
            <li className="message mine first last">
              <div className="bubble">
                <div className="text">{t("appearance.preview-mine")}</div>
                <span className="meta">
                  09:42 <StateIcon state="seen" />
                </span>
              </div>
            </li>
          </ul>
        </section>
      </div>
    </main>
  );
}

function Choice({ legend, className, children }: { legend: string; name: string; className: string; children: ReactNode }) {
  return (
    <fieldset className="choice">
      <legend>{legend}</legend>
      <div className={`choice-options ${className}`}>{children}</div>
    </fieldset>
  );
}

type OptionProps = { name: string; checked: boolean; onChoose: () => void; children: ReactNode };

function Option({ name, checked, onChoose, children }: OptionProps) {
  return (
    <label className="option">
      <input type="radio" name={name} checked={checked} onChange={onChoose} />
      {children}
    </label>
  );
}
