/** What a person, or a parent, tells loops. `stop` is what people call cancel. */
export const signals = ["stop", "pause", "resume", "rebase", "invalidate"] as const;
export type Signal = (typeof signals)[number];
