/** What lies over the images of one key: which masks, classes and boxes are shown. One set of switches for all its images. */
export class Overlay {
  /** Names that are switched, `mask:name`, `set:name` or `class:number`; what is not named keeps its default. */
  private readonly switches = $state<Record<string, boolean>>({});
  /** The score that boxes are chosen by; null until there is one. */
  score = $state<string | null>(null);
  least = $state(0);
  opacity = $state(0.55);

  shows(name: string, byDefault = true): boolean {
    return this.switches[name] ?? byDefault;
  }

  toggle(name: string, byDefault = true): void {
    this.switches[name] = !this.shows(name, byDefault);
  }
}
