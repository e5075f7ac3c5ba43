import { t } from "./i18n";
import type { Key } from "./i18n";

export type Shown = "sending" | "waiting" | "refused" | "queued" | "stored" | "delivered" | "seen";

/** What is proved about a message of mine: a clock, one ring, two rings, two filled rings. */
export function StateIcon({ state }: { state: Shown }) {
  const double = state === "delivered" || state === "seen";
  const label = t(`state.${state}` satisfies Key);
  return (
    <svg className="state-icon" data-state={state} viewBox={double ? "0 0 22 14" : "8 0 14 14"} width={double ? 18 : 11.5} height="11.5" role="img" aria-label={label}>
      <title>{label}</title>
      {shapes[state]}
    </svg>
  );
}

const clock = (
  <>
    <circle className="line" cx="14.5" cy="7" r="5.4" />
    <path className="line" d="M14.5 4.2V7l2 1.3" />
  </>
);

const shapes: Record<Shown, React.ReactNode> = {
  sending: clock,
  waiting: clock,
  queued: clock,
  refused: (
    <>
      <circle className="line" cx="14.5" cy="7" r="5.4" />
      <path className="line" d="M14.5 4.2v3.4M14.5 9.7v.1" />
    </>
  ),
  stored: (
    <>
      <circle className="line" cx="14.5" cy="7" r="5.4" />
      <path className="line" d="m12.1 7.2 1.7 1.7 3-3.4" />
    </>
  ),
  delivered: (
    <>
      <path className="line" d="M9.774 2.35A5.4 5.4 0 1 0 9.774 11.65" />
      <path className="line" d="m4.6 7.2 1.7 1.7.7-.8" />
      <circle className="line" cx="14.5" cy="7" r="5.4" />
      <path className="line" d="m12.1 7.2 1.7 1.7 3-3.4" />
    </>
  ),
  seen: (
    <>
      <path className="fill" d="M9.774 2.251A6 6 0 1 0 9.774 11.749 6.9 6.9 0 0 1 9.774 2.251z" />
      <circle className="fill" cx="14.8" cy="7" r="6" />
      <path className="cut" d="m12.3 7.2 1.8 1.8 3.1-3.6" />
    </>
  ),
};
