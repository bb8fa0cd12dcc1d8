// Times of the interface, in milliseconds.

/** Two quit keys within this quit. */
export const quitWithinMs = 500;
/** How long the hint about quitting stays: long enough to be read. */
export const quitHintMs = 2_500;
/** How long a success is told. */
export const toldMs = 6_000;
/** How long an event of a loop is told. */
export const noticeMs = 10_000;
/** When a daemon that is not heard is asked whether it is there. */
export const liveness = { quietMs: 5_000, answerWithinMs: 2_000, againMs: 1_000 } as const;
/** How long a failure is told, its hint with it. */
export const failedMs = 20_000;
