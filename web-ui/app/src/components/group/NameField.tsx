import { CircleAlert } from "lucide-react";
import { useId } from "react";
import { t } from "../../ui/i18n";

type Props = { name: string; onChange: (name: string) => void; problem: string | undefined };

/** A group's name, and what is wrong with it. */
export function NameField({ name, onChange, problem }: Props) {
  const id = useId();
  return (
    <>
      <label htmlFor={id}>{t("group.name")}</label>
      <input
        id={id}
        className="field"
        type="text"
        dir="auto"
        autoComplete="off"
        maxLength={64}
        value={name}
        aria-invalid={problem !== undefined}
        aria-describedby={problem ? `${id}-problem` : undefined}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
      {problem && (
        <p id={`${id}-problem`} className="problem" role="alert">
          <CircleAlert aria-hidden="true" />
          {problem}
        </p>
      )}
    </>
  );
}
