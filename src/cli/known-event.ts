// Events as the commands understand them. What a newer daemon sends beyond that is passed over.
import type { EventMessage } from "../protocol/messages.ts";
import { events, type EventData, type EventName } from "../protocol/events.ts";

export type KnownEvent = {
  [N in EventName]: { event: N; data: EventData<N>; seq: number | null };
}[EventName];

export function parseEvent(message: EventMessage): KnownEvent | null {
  const name = message.event;
  if (!isEventName(name)) return null;
  const parsed = events[name].safeParse(message.data);
  // The schema was chosen by the name, which TypeScript cannot follow through the union.
  return parsed.success ? ({ event: name, data: parsed.data, seq: message.seq ?? null } as KnownEvent) : null;
}

function isEventName(name: string): name is EventName {
  return Object.hasOwn(events, name);
}

/** The loop that an event is about; null where it is about none. */
function loopIdOf(message: EventMessage): string | null {
  const { data } = message;
  if (typeof data !== "object" || data === null || !("id" in data)) return null;
  return typeof data.id === "string" ? data.id : null;
}

/** Whether an event is about a loop or one of its descendants. */
export function concerns(id: string, message: EventMessage): boolean {
  const about = loopIdOf(message);
  return about === id || (about?.startsWith(`${id}-`) ?? false);
}
