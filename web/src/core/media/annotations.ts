/** Boxes, masks and names of classes that lie over an image, read from an item's meta. Pure; nothing in it is trusted. */
import { wireNumber } from "../format";
import type { Value } from "../wire";
import type { Meta } from "./shapes";

/** A box in parts of the image's width and height. */
export interface Box {
  set: string;
  left: number;
  top: number;
  width: number;
  height: number;
  label: string;
  classId: number | null;
  scores: Readonly<Record<string, number>>;
}

export interface Mask {
  name: string;
  role: string;
  labels: ReadonlyMap<number, string>;
}

type Plain = { [key: string]: Value };

export const isPlain = (value: Value | undefined): value is Plain => typeof value === "object" && value !== null && !Array.isArray(value);
const plain = (value: Value | undefined): Plain => (isPlain(value) ? value : {});

function labelsOf(value: Value | undefined, classes: ReadonlyMap<number, string>): Map<number, string> {
  const out = new Map(classes);
  for (const [key, label] of Object.entries(plain(value))) if (/^-?\d+$/.test(key)) out.set(Number(key), String(label));
  return out;
}

/** The names of classes that hold for the whole image. */
export function classesOf(meta: Meta): Map<number, string> {
  return labelsOf(meta.classes, new Map());
}

export function masksOf(meta: Meta): Mask[] {
  const classes = classesOf(meta);
  return Object.entries(plain(meta.masks)).map(([name, mask]) => ({ name, role: `mask:${name}`, labels: labelsOf(plain(mask).class_labels, classes) }));
}

/**
 * All boxes that can be drawn.
 *
 * @param width of the image in pixels, for boxes that are given in pixels
 */
export function boxesOf(meta: Meta, width: number, height: number): Box[] {
  const classes = classesOf(meta);
  return Object.entries(plain(meta.boxes)).flatMap(([set, entry]) => {
    const labels = labelsOf(plain(entry).class_labels, classes);
    const data = plain(entry).box_data;
    return (Array.isArray(data) ? data : []).flatMap((box) => boxOf(set, plain(box), labels, width, height) ?? []);
  });
}

function boxOf(set: string, box: Plain, labels: ReadonlyMap<number, string>, width: number, height: number): Box | null {
  const position = plain(box.position);
  const inPixels = box.domain === "pixel";
  const part = (key: string, whole: number): number => (wireNumber(position[key]) ?? NaN) / (inPixels ? whole : 1);
  const [x0, x1, y0, y1] = [part("minX", width), part("maxX", width), part("minY", height), part("maxY", height)];
  if (![x0, x1, y0, y1].every(Number.isFinite)) return null;
  const classId = typeof box.class_id === "number" ? box.class_id : null;
  const caption = typeof box.box_caption === "string" ? box.box_caption : "";
  const scores: Record<string, number> = {};
  for (const [name, value] of Object.entries(plain(box.scores))) scores[name] = wireNumber(value) ?? NaN;
  const label = caption || (classId === null ? "" : (labels.get(classId) ?? `class ${classId}`));
  return { set, left: Math.min(x0, x1), top: Math.min(y0, y1), width: Math.abs(x1 - x0), height: Math.abs(y1 - y0), label, classId, scores };
}

/** Names of all scores, most frequent first. */
export function scoreNames(boxes: readonly Box[]): string[] {
  const counts = new Map<string, number>();
  for (const { scores } of boxes) for (const name of Object.keys(scores)) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([name]) => name);
}

/** The boxes to draw: those without the score, and those whose score reaches the threshold; best first. */
export function chosenBoxes(boxes: readonly Box[], score: string | null, least: number): Box[] {
  if (score === null) return [...boxes];
  const of = (box: Box): number => box.scores[score] ?? Infinity;
  return boxes.filter((b) => of(b) >= least).sort((a, b) => of(b) - of(a));
}

/** Whether a class is what lies behind everything else: painting it would hide the image. */
export function isBackground(id: number, label: string | undefined): boolean {
  return label === undefined ? id === 0 : /^(background|bg|void|unlabell?ed|ignore|none)$/i.test(label.trim());
}

/** The color of a class, the same wherever it is shown: neighbors in number are far apart in hue. */
export function classColor(id: number): [number, number, number] {
  const hue = (((id * 137.508 + 12) % 360) + 360) % 360;
  const lightness = [0.55, 0.68, 0.45][Math.abs(id) % 3];
  return hslToRgb(hue, 0.78, lightness);
}

export const rgbText = ([r, g, b]: readonly [number, number, number]): string => `rgb(${r} ${g} ${b})`;

/** Black or white, whichever can be read better on a color. */
export function inkOn([r, g, b]: readonly [number, number, number]): string {
  const linear = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  const luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  return luminance > 0.179 ? "#000" : "#fff";
}

function hslToRgb(hue: number, saturation: number, lightness: number): [number, number, number] {
  const a = saturation * Math.min(lightness, 1 - lightness);
  const channel = (n: number): number => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (lightness - a * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}
