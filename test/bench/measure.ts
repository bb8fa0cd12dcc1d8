// Timing, medians, and the table at the end.

export interface Row {
  name: string;
  median: number;
  p90: number;
  unit: "ms" | "µs" | "MB";
  /** What it should be at most; null for what is only there to compare with. */
  target: number | null;
  samples: number;
  note: string;
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** Runs `work` so often, after one run that does not count. Each call returns one sample. */
export async function samplesOf(count: number, work: () => Promise<number>): Promise<number[]> {
  await work();
  const samples: number[] = [];
  for (let n = 0; n < count; n++) samples.push(await work());
  return samples;
}

export function row(
  name: string,
  samples: readonly number[],
  options: Partial<Pick<Row, "unit" | "target" | "note">> = {},
): Row {
  const { unit = "ms", target = null, note = "" } = options;
  return {
    name,
    median: quantile(samples, 0.5),
    p90: quantile(samples, 0.9),
    unit,
    target,
    samples: samples.length,
    note,
  };
}

function quantile(samples: readonly number[], q: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN;
}

/** No assertion: the figures are for people, and differ from machine to machine. */
export function print(title: string, rows: readonly Row[], against: Row | null): void {
  console.log(`\n${title}`);
  const table = rows.map((entry) => [
    `  ${entry.name}`,
    figure(entry.median, entry.unit),
    `p90 ${figure(entry.p90, entry.unit)}`,
    entry.target === null
      ? ""
      : `target ${figure(entry.target, entry.unit)}${entry.median > entry.target ? "  MISSED" : ""}`,
    against === null || against === entry
      ? ""
      : `${(entry.median / against.median).toFixed(1)} × ${against.name}`,
    `n=${entry.samples}${entry.note ? `, ${entry.note}` : ""}`,
  ]);
  const widths = [0, 1, 2, 3, 4].map((column) =>
    Math.max(...table.map((cells) => cells[column]?.length ?? 0)),
  );
  for (const cells of table) {
    console.log(
      cells
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    );
  }
}

function figure(value: number, unit: Row["unit"]): string {
  return `${value < 10 ? value.toFixed(1) : value.toFixed(0)} ${unit}`;
}
