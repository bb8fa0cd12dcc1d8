// Times of the interface, in milliseconds.

/** Two quit keys within this quit. */
export const quitWithinMs = 500;
/** How long the hint about quitting stays: long enough to be read. */
export const quitHintMs = 2_500;
/** How long a success is told. */
export const toldMs = 6_000;
/** How long an event of a loop is told. */
export const noticeMs = 10_000;
/** How long a failure is told, its hint with it. */
export const failedMs = 20_000;
