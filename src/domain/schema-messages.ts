// zod/mini comes without words: every problem would read "Invalid input". Importing this gives its problems
// their sentences, for people and for the model that has to mend its tool call. English only, so that no
// other language is compiled in.
import * as z from "zod/mini";
import en from "zod/v4/locales/en.js";

z.config(en());
