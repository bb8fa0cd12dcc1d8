// What a model is told about each tool: name, description, JSON Schema of the parameters.
import * as z from "zod/mini";
import { tools, type ToolName } from "./catalog.ts";

export interface ToolDescription {
  name: ToolName;
  description: string;
  input_schema: Record<string, unknown>;
}

/**
 * The same object for the same tool each time, and the same bytes in every process: prompts that begin alike
 * are cached by the provider. A parameter with a default is not required of the model.
 */
export function toolSchema(name: ToolName): ToolDescription {
  const known = made.get(name);
  if (known) return known;
  const { $schema: _, ...schema } = z.toJSONSchema(tools[name].parameters, {
    io: "input",
    target: "draft-2020-12",
  });
  const description = { name, description: tools[name].description, input_schema: schema };
  made.set(name, description);
  return description;
}

const made = new Map<ToolName, ToolDescription>();
