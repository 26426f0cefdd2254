import { expect, test } from "vitest";
import { parseMlflowLink } from "../src/core/mlflowlink";

const RUN = "5051f1abb048d14e2edcd2fafd38b618";

test("runs and experiments are found behind the #", () => {
  expect(parseMlflowLink(`#/experiments/47/runs/${RUN}`)).toEqual({ experiment: "47", run: RUN });
  expect(parseMlflowLink(`#/experiments/47/runs/${RUN}/artifacts?o=1`)).toEqual({ experiment: "47", run: RUN });
  expect(parseMlflowLink("#/experiments/476078900990464382")).toEqual({ experiment: "476078900990464382", run: null });
  expect(parseMlflowLink(`#/experiments/47/models/m-${RUN}`)).toEqual({ experiment: "47", run: null });
});

test("anything else is none", () => {
  for (const hash of ["", "#", "#/", "#/experiments/", "#/experiments/x", "#/experiments/1x", "#experiments/1", "#/experiments/-1"]) {
    expect(parseMlflowLink(hash)).toBeNull();
  }
});
