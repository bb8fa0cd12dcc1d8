/**
 * A model's tool arguments that are no JSON reach the engine as `{ [invalidJsonKey]: text }`, so that the
 * call can be answered with what is wrong instead of failing the turn.
 */
export const invalidJsonKey = "__invalid_json";
