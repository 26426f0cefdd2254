/**
 * A canvas that writes SVG: as much of a 2-D context as core/paint.ts and picture.ts use, so that the file shows what the
 * screen shows. Texts are escaped; no script and no address can come into the file.
 */

/** The letters of the page: those of the system. */
export const FACE = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";

export const escape = (text: string): string => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`).replace(/[\0-\x08\x0b\x0c\x0e-\x1f]/g, "");
export const n = (value: number): string => String(Math.round(value * 100) / 100);

export class SvgPen {
  strokeStyle = "#000";
  fillStyle = "#000";
  lineWidth = 1;
  globalAlpha = 1;
  lineJoin = "round";
  font = "11px sans-serif";
  textAlign: "left" | "center" | "right" = "left";
  textBaseline: "alphabetic" | "middle" | "top" = "alphabetic";
  private readonly out: string[] = [];
  private path = "";
  private dash: number[] = [];
  private open = 0;
  private clips = 0;
  private readonly saved: number[] = [];

  constructor(
    private readonly width: number,
    private readonly height: number,
  ) {}

  save(): void {
    this.saved.push(this.open);
  }

  restore(): void {
    const before = this.saved.pop() ?? 0;
    while (this.open > before) {
      this.out.push("</g>");
      this.open--;
    }
  }

  beginPath(): void {
    this.path = "";
  }

  rect(x: number, y: number, w: number, h: number): void {
    this.path += `M${n(x)} ${n(y)}h${n(w)}v${n(h)}h${n(-w)}z`;
  }

  clip(): void {
    const id = `c${this.clips++}`;
    this.out.push(`<clipPath id="${id}"><path d="${this.path}"/></clipPath><g clip-path="url(#${id})">`);
    this.open++;
  }

  moveTo(x: number, y: number): void {
    if (Number.isFinite(x) && Number.isFinite(y)) this.path += `M${n(x)} ${n(y)}`;
  }

  lineTo(x: number, y: number): void {
    if (Number.isFinite(x) && Number.isFinite(y)) this.path += `${this.path === "" ? "M" : "L"}${n(x)} ${n(y)}`;
  }

  /** Whole circles only. */
  arc(x: number, y: number, r: number): void {
    this.path += `M${n(x - r)} ${n(y)}a${n(r)} ${n(r)} 0 1 0 ${n(2 * r)} 0a${n(r)} ${n(r)} 0 1 0 ${n(-2 * r)} 0`;
  }

  setLineDash(dash: number[]): void {
    this.dash = dash;
  }

  stroke(): void {
    if (this.path === "") return;
    const dash = this.dash.length > 0 ? ` stroke-dasharray="${this.dash.map(n).join(" ")}"` : "";
    this.out.push(`<path d="${this.path}" fill="none" stroke="${escape(this.strokeStyle)}" stroke-width="${n(this.lineWidth)}" stroke-linejoin="round"${dash}${this.alpha()}/>`);
  }

  fill(): void {
    if (this.path !== "") this.out.push(`<path d="${this.path}" fill="${escape(this.fillStyle)}"${this.alpha()}/>`);
  }

  fillRect(x: number, y: number, w: number, h: number): void {
    this.out.push(`<rect x="${n(x)}" y="${n(y)}" width="${n(w)}" height="${n(h)}" fill="${escape(this.fillStyle)}"${this.alpha()}/>`);
  }

  fillText(text: string, x: number, y: number): void {
    const anchor = { left: "start", center: "middle", right: "end" }[this.textAlign];
    const [, weight = "", size = "11"] = /^(?:(\w+) )?([\d.]+)px/.exec(this.font) ?? [];
    const shift = this.textBaseline === "middle" ? Number(size) * 0.35 : this.textBaseline === "top" ? Number(size) * 0.8 : 0;
    this.out.push(`<text x="${n(x)}" y="${n(y + shift)}" font-family="${FACE}" font-size="${size}"${weight ? ` font-weight="${weight}"` : ""} text-anchor="${anchor}" fill="${escape(this.fillStyle)}"${this.alpha()}>${escape(text)}</text>`);
  }

  /** Puts in what is SVG already. */
  add(shapes: string): void {
    this.out.push(shapes);
  }

  alpha(): string {
    return this.globalAlpha < 1 ? ` opacity="${n(this.globalAlpha)}"` : "";
  }

  toString(): string {
    while (this.open-- > 0) this.out.push("</g>");
    this.open = 0;
    return `<svg xmlns="http://www.w3.org/2000/svg" width="${this.width}" height="${this.height}" viewBox="0 0 ${this.width} ${this.height}">${this.out.join("")}</svg>`;
  }
}
