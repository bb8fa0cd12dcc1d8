export const logLevels = ["trace", "debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];

/** One line with a message for people and fields for programs. Never a key: not in either. */
export type LogWrite = (message: string, fields?: Record<string, unknown>) => void;
export type Log = Readonly<Record<LogLevel, LogWrite>>;
