// Every attack of the table, variations included.
import "../e2e/attacks.test.ts";
