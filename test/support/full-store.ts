// A home whose store holds many runs that have ended.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "../../src/store/store.ts";
import { loopRecord, runRecord } from "./stored-records.ts";

/** Call before the daemon of that home is started. */
export function fillStore(dataDir: string, loops: number): void {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const store = openStore(join(dataDir, "loopr.db"));
  const ids = Array.from(
    { length: loops },
    (_, n) => `17000000${String(n).padStart(5, "0")}-00112233445566aa`,
  );
  store.commit({
    runs: ids.map((id) => runRecord({ id })),
    loops: ids.map((id) => loopRecord({ id, status: "cancelled", run_state: "cancelled" })),
  });
  store.close();
}
