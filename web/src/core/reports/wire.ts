/** The JSON shapes of reports (docs/internals/wire.md), and their routes. */
import { query, type Api } from "../api";
import type { MediaEntry } from "../media/shapes";
import type { ImportanceReport } from "../plots/importance";
import type { RunPage } from "../wire";

export interface ReportRow {
  entity: string;
  project: string;
  name: string;
  title: string;
  revision: number;
  created_us: number;
  updated_us: number;
  created_by: string;
  updated_by: string;
  deleted_us: number | null;
}

export interface ReportDetail extends ReportRow {
  text: string;
  frozen: string[];
}

export interface VersionRow {
  revision: number;
  title: string;
  saved_us: number;
  saved_by: string;
  characters: number;
}

export interface ReportVersion extends Omit<VersionRow, "characters"> {
  text: string;
}

export interface PanelRun {
  uid: string;
  id: string;
  name: string;
  color: number;
}

export interface PanelData {
  panel: string;
  at_us: number;
  runs?: PanelRun[];
  keys?: string[];
  missing?: string[];
  /** Runs that the panel names and that are shown as they are in the project they were moved to. */
  moved?: { uid: string; id: string; entity: string; project: string; name: string }[];
  matched?: number;
  /** The answer to a BucketQuery, in base64. */
  columns?: string;
  table?: RunPage;
  importance?: ImportanceReport;
  media?: MediaEntry[];
}

export interface Place {
  entity: string;
  project: string;
}

const ROUTE = "/api/v1/reports";

/** The routes of one project's reports. */
export class ReportsApi {
  constructor(
    private readonly api: Api,
    private readonly place: Place,
  ) {}

  async list(deleted = false): Promise<ReportRow[]> {
    return (await this.api.ask<{ reports: ReportRow[] }>("GET", `${ROUTE}?${query({ ...this.place, deleted: String(deleted) })}`)).reports;
  }

  create(title: string, text: string): Promise<ReportDetail> {
    return this.api.ask("POST", ROUTE, { ...this.place, title, text });
  }

  read(name: string): Promise<ReportDetail> {
    return this.api.ask("GET", `${ROUTE}/resolve?${this.named(name)}`);
  }

  change(name: string, changes: { revision: number; title?: string; text?: string }): Promise<ReportDetail> {
    return this.api.ask("PATCH", `${ROUTE}?${this.named(name)}`, changes);
  }

  remove(name: string): Promise<void> {
    return this.api.ask("DELETE", `${ROUTE}?${this.named(name)}`);
  }

  restore(name: string): Promise<ReportDetail> {
    return this.api.ask("POST", `${ROUTE}/restore?${this.named(name)}`, {});
  }

  /** The revisions that can be read, the present one first. */
  async versions(name: string): Promise<VersionRow[]> {
    return (await this.api.ask<{ versions: VersionRow[] }>("GET", `${ROUTE}/versions?${this.named(name)}`)).versions;
  }

  version(name: string, revision: number): Promise<ReportVersion> {
    return this.api.ask("GET", `${ROUTE}/version?${query({ ...this.place, name, revision: String(revision) })}`);
  }

  /** What a panel shows now; of curves which runs and keys they are. */
  show(panel: string): Promise<PanelData> {
    return this.api.ask("POST", `${ROUTE}/panel`, { ...this.place, panel });
  }

  freeze(name: string, panel: string): Promise<{ name: string; data: PanelData }> {
    return this.api.ask("POST", `${ROUTE}/frozen?${this.named(name)}`, { panel });
  }

  frozen(name: string, panel: string): Promise<PanelData> {
    return this.api.ask("GET", `${ROUTE}/frozen?${query({ ...this.place, name, panel })}`);
  }

  /** The address of the report as one HTML file. */
  pageUrl(name: string): string {
    return `${ROUTE}/page?${this.named(name)}`;
  }

  private named(name: string): string {
    return query({ ...this.place, name });
  }
}
