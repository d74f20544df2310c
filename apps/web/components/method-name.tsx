import { MethodMark } from "./method-mark.tsx";
import { methodName } from "./registry-names.ts";

export function MethodName({ method }: { method: string }) {
  return (
    <span className="whitespace-nowrap">
      <MethodMark method={method} /> {methodName(method)}
    </span>
  );
}
