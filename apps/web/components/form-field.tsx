/** One field: label, input, what it means, what is wrong with it. */
import type { Field } from "./field-text.ts";

interface Props {
  readonly name: string;
  readonly label: string;
  readonly field: Field;
  readonly value: string;
  /** What an empty field means, shown in it. For a choice "" = it must be one of those listed. */
  readonly fallback: string;
  readonly fault: string | undefined;
  /** A question that stops nobody. */
  readonly hint?: string | undefined;
  readonly onChange: (value: string) => void;
}

export function FormField({ name, label, field, value, fallback, fault, hint, onChange }: Props) {
  const id = `field-${name}`;
  const common = {
    id,
    name,
    value,
    className: "field",
    "aria-invalid": fault ? true : undefined,
    "aria-describedby": `${id}-note${hint ? ` ${id}-hint` : ""}${fault ? ` ${id}-fault` : ""}`,
    onChange: (event: { target: { value: string } }) => onChange(event.target.value),
  } as const;
  const options = field.kind === "switch" ? ["true", "false"] : field.choices;
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-sm font-medium">
        {label}
      </label>
      {options.length > 0 ? (
        <select {...common}>
          {fallback !== "" && <option value="">{fallback}</option>}
          {options.map((option, i) =>
            option === fallback ? null : (
              <option key={option} value={option}>
                {field.labels[i] ?? option}
              </option>
            ),
          )}
        </select>
      ) : (
        <input
          {...common}
          type="text"
          inputMode={field.kind === "integer" ? "numeric" : field.kind === "number" ? "decimal" : undefined}
          placeholder={fallback}
          autoComplete="off"
          spellCheck={false}
        />
      )}
      <p id={`${id}-note`} className="note mt-0.5">
        {field.description}
        {bounds(field)}
      </p>
      {hint && (
        <p id={`${id}-hint`} role="status" className="mt-0.5 text-[0.8125rem] font-medium">
          {hint}
        </p>
      )}
      {fault && (
        <p id={`${id}-fault`} role="alert" className="mt-0.5 text-[0.8125rem] text-bad">
          {fault}
        </p>
      )}
    </div>
  );
}

const bounds = ({ kind, range }: Field): string => {
  if (kind === "steps" || kind === "number or steps") return " (epoch: value, …)";
  return range && ` (${range})`;
};
