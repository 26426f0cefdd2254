import { expect, test } from "vitest";
import { BY_MLFLOW, labelTree, schemaColumns, shownFloat, textPairs } from "../src/core/run/origin";

test("the user's tags stand first, those of the client in a branch", () => {
  const tree = labelTree({ team: "vision", "mlflow.source.name": "train.py", "mlflow.runName": "calm-lynx-1" });
  expect(tree).toEqual({ team: "vision", [BY_MLFLOW]: { "mlflow.source.name": "train.py" } });
  expect(Object.keys(tree)[0]).toBe("team");
  const taken = labelTree({ [BY_MLFLOW]: "mine", "mlflow.user": "ada" });
  expect(taken).toEqual({ [BY_MLFLOW]: "mine", "by MLflow’s client": { "mlflow.user": "ada" } });
});

test("columns of a table and of tensors are read from MLflow's schema", () => {
  const table = JSON.stringify({ mlflow_colspec: [{ type: "double", name: "x", required: true }, { type: "long", name: "y", required: false }] });
  expect(schemaColumns(table)).toEqual([{ name: "x", type: "double" }, { name: "y", type: "long, optional" }]);
  const features = JSON.stringify([{ type: "tensor", "tensor-spec": { dtype: "float64", shape: [-1, 3] } }]);
  expect(schemaColumns(JSON.stringify({ mlflow_tensorspec: { features, targets: null } }))).toEqual([{ name: "features", type: "float64 (?, 3)" }]);
});

test("a schema of another form is none, and hurts nobody", () => {
  for (const text of ["", "{", "[]", "7", "null", '{"mlflow_colspec": 1}', '{"mlflow_tensorspec": []}']) expect(schemaColumns(text)).toBeNull();
  expect(schemaColumns('{"mlflow_colspec": [1, null]}')).toEqual([{ name: "1", type: "" }, { name: "null", type: "" }]);
});

test("a text that is an object shows its members, another one itself", () => {
  expect(textPairs('{"uri": "s3://b/c", "n": 3, "tags": {"a": 1}}')).toEqual([["uri", "s3://b/c"], ["n", "3"], ["tags", '{"a":1}']]);
  expect(textPairs("s3://b/c")).toEqual([["", "s3://b/c"]]);
  expect(textPairs("")).toEqual([]);
});

test("floats are read from the text that Python writes", () => {
  expect(shownFloat("0.25")).toBe("0.25");
  expect(shownFloat("nan")).toBe("NaN");
  expect(shownFloat("inf")).toBe("∞");
  expect(shownFloat("-inf")).toBe("−∞");
});
