// Replacing the daemon of an older version where that interrupts nothing.
import { build, version } from "../lib/version.ts";
import { activeLoops, atWork, type Active } from "./active.ts";
import { establish, type Established, type EstablishOptions } from "./establish.ts";
import { stopDaemon } from "./stop.ts";

/** Returns the connection to go on with: to the daemon that was found, or to the one that replaced it. */
export async function replaceIfIdle(found: Established, options: EstablishOptions): Promise<Established> {
  const { server, connection } = found;
  const who = `the daemon (PID ${server.pid}, version ${server.version}, build ${server.build})`;
  const active = await activeLoops(connection);
  // Gone while it was asked: another client replaces it.
  if (connection.isClosed) return establish(options);
  if (active === null || active.count > 0) {
    options.onProgress(`${who} is older than this loopr (${version}, build ${build})${reason(active)}`);
    return found;
  }
  options.onProgress(`${who} has nothing to do: replacing it by version ${version}, build ${build}`);
  connection.close();
  await stopDaemon({ ...options, nonce: server.nonce });
  return establish(options);
}

function reason(active: Active | null): string {
  if (active === null) return " and does not say whether it is idle; `loopr daemon restart` replaces it";
  const hint = "`loopr daemon restart --when-idle` replaces it when they have come to a checkpoint";
  return ` and is not replaced while it works: ${atWork(active)}\n  ${hint}`;
}
