export function Logo({ size = 32 }: { size?: number }) {
  return (
    <svg className="logo" width={size} height={size} viewBox="0 0 64 64" aria-hidden="true" focusable="false">
      <rect className="logo-ground" width="64" height="64" rx="17" />
      <path className="logo-wave" d="M14 26.5C20 20 26 20 32 26.5s12 6.5 18 0" />
      <path className="logo-wave logo-wave-far" d="M14 40.5C20 34 26 34 32 40.5s12 6.5 18 0" />
    </svg>
  );
}
