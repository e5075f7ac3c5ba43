import { CircleAlert, CircleCheck, CircleMinus, Stethoscope } from "lucide-react";
import { useState } from "react";
import type { Finding, Verdict } from "../../api/types";
import { MainHeader } from "../../components/MainHeader";
import { useTidings } from "../../state/react";
import { Button } from "../../ui/Button";
import { t } from "../../ui/i18n";
import { Spinner } from "../../ui/Spinner";

const icons: Record<Verdict, React.ReactNode> = {
  good: <CircleCheck aria-label={t("doctor.good")} />,
  note: <CircleMinus aria-label={t("doctor.note")} />,
  bad: <CircleAlert aria-label={t("doctor.bad")} />,
};
const order: Verdict[] = ["bad", "note", "good"];

/** What is wrong with the node, the worst first, and what to do about it. */
export function Doctor() {
  const { client, failed } = useTidings();
  const [findings, setFindings] = useState<Finding[]>();
  const [looking, setLooking] = useState(false);

  const look = async () => {
    setLooking(true);
    try {
      setFindings(await client.doctor());
    } catch (error) {
      failed(error);
    }
    setLooking(false);
  };

  const ordered = findings?.toSorted((a, b) => order.indexOf(a.verdict) - order.indexOf(b.verdict));
  const bad = findings?.filter((it) => it.verdict === "bad").length ?? 0;
  return (
    <main className="main" id="main">
      <MainHeader title={t("settings.doctor")} />
      <div className="page">
        <p className="lead">{t("doctor.lead")}</p>
        <div className="form-actions">
          <Button tone="primary" icon={<Stethoscope />} disabled={looking} onClick={() => void look()}>
            {t(findings ? "doctor.again" : "doctor.begin")}
          </Button>
        </div>
        <div role="status">
          {looking && <Spinner label={t("doctor.looking")} />}
          {!looking && findings && <p className="lead">{bad > 0 ? t("doctor.ill", { count: bad }) : t("doctor.well")}</p>}
        </div>
        {ordered && !looking && (
          <section className="panel">
            <ul role="list" className="findings">
              {ordered.map((it) => (
                <li key={`${it.check} ${it.says}`} className={`finding finding-${it.verdict}`}>
                  <span className="row-icon">{icons[it.verdict]}</span>
                  <div>
                    <strong dir="auto">{it.says}</strong>
                    {it.advice && <p className="hint">{it.advice}</p>}
                  </div>
                </li>
              ))}
            </ul>
          </section>
        )}
      </div>
    </main>
  );
}
