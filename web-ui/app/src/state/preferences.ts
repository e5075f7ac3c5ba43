// How the page looks to this person in this browser: kept here, never on the node.

export const themes = ["system", "light", "dark"] as const;
export const accents = ["blue", "teal", "green", "violet", "rose", "amber"] as const;
export const textSizes = ["small", "medium", "large", "largest"] as const;

export type Preferences = {
  theme: (typeof themes)[number];
  accent: (typeof accents)[number];
  textSize: (typeof textSizes)[number];
};

export const defaults: Preferences = { theme: "system", accent: "blue", textSize: "medium" };

const storageKey = "tidings.preferences";

export function parsePreferences(kept: string | null): Preferences {
  try {
    const read = JSON.parse(kept ?? "{}") as Partial<Record<keyof Preferences, unknown>>;
    return {
      theme: themes.find((it) => it === read.theme) ?? defaults.theme,
      accent: accents.find((it) => it === read.accent) ?? defaults.accent,
      textSize: textSizes.find((it) => it === read.textSize) ?? defaults.textSize,
    };
  } catch {
    return defaults;
  }
}

export function loadPreferences(): Preferences {
  try {
    return parsePreferences(localStorage.getItem(storageKey));
  } catch {
    return defaults;
  }
}

export function savePreferences(preferences: Preferences): void {
  showPreferences(preferences);
  try {
    localStorage.setItem(storageKey, JSON.stringify(preferences));
  } catch {
    // Forbidden storage: the choice holds for this tab.
  }
}

export function showPreferences({ theme, accent, textSize }: Preferences): void {
  const root = document.documentElement.dataset;
  root.theme = theme;
  root.accent = accent;
  root.textSize = textSize;
}
