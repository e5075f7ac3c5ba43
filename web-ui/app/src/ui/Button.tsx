import type { ButtonHTMLAttributes, ReactNode } from "react";

type Props = ButtonHTMLAttributes<HTMLButtonElement> & { tone?: "primary" | "quiet" | "danger" | "plain"; icon?: ReactNode };

export function Button({ tone = "quiet", icon, children, className = "", type = "button", ...rest }: Props) {
  return (
    <button type={type} className={`button button-${tone} ${className}`} {...rest}>
      {icon}
      <span>{children}</span>
    </button>
  );
}

type IconProps = ButtonHTMLAttributes<HTMLButtonElement> & { label: string };

/** A round button with a picture; the label is its name and its tooltip. */
export function IconButton({ label, children, className = "", type = "button", ...rest }: IconProps) {
  return (
    <button type={type} className={`icon-button ${className}`} aria-label={label} title={label} {...rest}>
      {children}
    </button>
  );
}
