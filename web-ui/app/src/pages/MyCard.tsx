import { Share2, UserPlus } from "lucide-react";
import { useEffect, useState } from "react";
import type { CardLinks } from "../api/types";
import { CopyField } from "../components/CopyField";
import { MainHeader } from "../components/MainHeader";
import { NavLink } from "../components/NavLink";
import { useSelect, useTidings } from "../state/react";
import { Avatar } from "../ui/Avatar";
import { Button } from "../ui/Button";
import { t } from "../ui/i18n";
import { Spinner } from "../ui/Spinner";

/** My contact link, as text and as a code. */
export function MyCard() {
  const { client, failed } = useTidings();
  const name = useSelect((state) => state.status?.name ?? "");
  const link = useSelect((state) => state.link);
  const [card, setCard] = useState<CardLinks>();
  useEffect(() => {
    let gone = false;
    client.card().then(
      (it) => !gone && setCard(it),
      (error: unknown) => !gone && failed(error),
    );
    return () => {
      gone = true;
    };
  }, [client, failed, name, link]);

  const share = () => {
    if (card) void navigator.share({ text: card.link }).catch(() => undefined);
  };

  return (
    <main className="main" id="main">
      <MainHeader title={t("card.title")} />
      <div className="page">
        <p className="lead">{t("card.lead")}</p>
        <section className="panel my-card">
          {card ? (
            <>
              <div className="my-card-head">
                <Avatar id={card.account} name={name} size="large" />
                <p className="contact-name" dir="auto">
                  {name}
                </p>
              </div>
              <div className="qr">
                <img src={`/api/v1/card/qr.svg?v=${encodeURIComponent(card.short_link.slice(-24))}`} alt={t("card.qr")} />
              </div>
              <CopyField value={card.link} label={t("card.link")} action={t("card.copy")} primary />
              {typeof navigator.share === "function" && (
                <Button icon={<Share2 />} onClick={share}>
                  {t("card.share")}
                </Button>
              )}
            </>
          ) : (
            <Spinner label={t("app.loading")} />
          )}
        </section>
        <section className="panel">
          <h2>{t("card.explain-title")}</h2>
          <p className="hint">{t("card.explain")}</p>
        </section>
        <p className="page-foot">
          {t("card.their")}{" "}
          <NavLink to={{ page: "add" }} className="link">
            <UserPlus />
            {t("contacts.add")}
          </NavLink>
        </p>
      </div>
    </main>
  );
}
