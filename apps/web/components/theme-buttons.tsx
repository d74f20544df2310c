/** Light, dark or the system's choice. A form, so that it works without script; the cookie is read in layout.tsx. */
import { setTheme, type Theme } from "../app/actions.ts";

const ICONS: Record<Theme, string> = {
  system: "M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11",
  light:
    "M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M8 1v1.6M8 13.4V15M1 8h1.6M13.4 8H15M3 3l1.2 1.2M11.8 11.8 13 13M13 3l-1.2 1.2M4.2 11.8 3 13",
  dark: "M13 9.7A5.5 5.5 0 0 1 6.3 3a5.5 5.5 0 1 0 6.7 6.7z",
};
const NAMES: Record<Theme, string> = { system: "As the system", light: "Light", dark: "Dark" };

export function ThemeButtons({ theme }: { theme: Theme }) {
  return (
    <form action={setTheme}>
      <fieldset className="flex rounded-[3px] border border-rule">
        <legend className="sr-only">Colours</legend>
        {(["system", "light", "dark"] as const).map((choice) => (
          <button
            key={choice}
            type="submit"
            name="theme"
            value={choice}
            aria-pressed={theme === choice}
            aria-label={NAMES[choice]}
            title={NAMES[choice]}
            className="grid size-7 place-items-center text-soft hover:text-ink aria-pressed:bg-shade aria-pressed:text-ink"
          >
            <svg
              viewBox="0 0 16 16"
              className="size-4"
              fill="none"
              stroke="currentColor"
              strokeWidth="1.4"
              aria-hidden="true"
            >
              <path
                d={ICONS[choice]}
                fill={choice === "light" ? "none" : "currentColor"}
                fillOpacity={choice === "system" ? 0.35 : 1}
                strokeLinecap="round"
              />
            </svg>
          </button>
        ))}
      </fieldset>
    </form>
  );
}
