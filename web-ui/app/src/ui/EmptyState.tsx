import type { ReactNode } from "react";

type Props = { icon: ReactNode; title: string; text?: string; children?: ReactNode; level?: 1 | 2 };

/** What a place says while there is nothing in it, and what to do about it. */
export function EmptyState({ icon, title, text, children, level = 2 }: Props) {
  const Heading = level === 1 ? "h1" : "h2";
  return (
    <div className="empty">
      <div className="empty-icon">{icon}</div>
      <Heading>{title}</Heading>
      {text && <p>{text}</p>}
      {children && <div className="empty-actions">{children}</div>}
    </div>
  );
}
