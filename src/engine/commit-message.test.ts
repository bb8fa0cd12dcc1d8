import { expect, test } from "bun:test";
import { loopsOfMessage, messageOfSeveral, trailers } from "./commit-message.ts";

const messageOf = (title: string, id: string, iteration: number) =>
  `${title}\n\n${trailers(id, iteration)}\n`;

test("one commit in place of several names every title and loop once, each at its last iteration", () => {
  const message = messageOfSeveral([
    messageOf("Parse", "1-a-001", 1),
    `Plan\n\n${trailers("1-a", 1)}\nLoopr-Artifacts: 1-a\n`,
    messageOf("Print", "1-a-002", 3),
    messageOf("Parse", "1-a-001", 2),
  ]);
  expect(message).toBe(`Parse; Plan; Print

These go together: on the commit below, the check passes only with all of them.

- Parse
- Plan
- Print

Loopr-Loop: 1-a-001
Loopr-Iteration: 2
Loopr-Loop: 1-a
Loopr-Iteration: 1
Loopr-Loop: 1-a-002
Loopr-Iteration: 3
Loopr-Artifacts: 1-a
`);
  expect(loopsOfMessage(message)).toEqual(["1-a-001", "1-a", "1-a-002"]);
});

test("squashed again it stays one list, and a subject that would be too long counts", () => {
  const first = messageOfSeveral([
    messageOf("A".repeat(40), "1-a-001", 1),
    messageOf("B".repeat(40), "1-a-002", 1),
  ]);
  expect(first).toStartWith(`${"A".repeat(40)} (and 1 more)\n`);
  const again = messageOfSeveral([first, messageOf("C", "1-a-003", 1)]);
  expect(again.split("\n").filter((line) => line.startsWith("- "))).toHaveLength(3);
});

test("commits of one loop become one of that loop", () => {
  const both = messageOfSeveral([messageOf("Parse", "1-a-001", 1), messageOf("Parse", "1-a-001", 2)]);
  expect(both).toBe(messageOf("Parse", "1-a-001", 2));
});
