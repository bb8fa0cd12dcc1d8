// One measured value beside its yardstick from the same run, and beside its target. Nothing is asserted.

export interface Comparison {
  name: string;
  value: number;
  unit: string;
  yardstick?: { name: string; value: number } | null;
  /** Of the value itself, or of its ratio to the yardstick. */
  target?: { of: "value" | "ratio"; most?: number; least?: number };
  note?: string;
}

export function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5);

export function printComparisons(title: string, comparisons: readonly Comparison[]): void {
  const rows = comparisons.map(cells);
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  console.log(`\n${title}`);
  for (const row of rows) {
    console.log(`  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd());
  }
}

function cells({ name, value, unit, yardstick, target, note }: Comparison): string[] {
  const ratio = yardstick ? value / yardstick.value : Number.NaN;
  return [
    name,
    `${figure(value)} ${unit}`,
    yardstick ? `${yardstick.name} ${figure(yardstick.value)} ${unit}, ratio ${ratio.toFixed(2)}` : "",
    target ? verdict(target, target.of === "ratio" ? ratio : value, unit) : "",
    note ?? "",
  ];
}

function verdict(target: NonNullable<Comparison["target"]>, measured: number, unit: string): string {
  const what = target.of === "ratio" ? "ratio" : unit;
  const bound = target.most === undefined ? `≥ ${target.least}` : `≤ ${target.most}`;
  const met = measured <= (target.most ?? Infinity) && measured >= (target.least ?? -Infinity);
  return `target ${bound} ${what}: ${met ? "met" : "MISSED"}`;
}

function figure(value: number): string {
  if (Math.abs(value) >= 10_000) return value.toLocaleString("en", { maximumFractionDigits: 0 });
  return value.toFixed(Math.abs(value) < 1 ? 3 : Math.abs(value) < 100 ? 1 : 0);
}
