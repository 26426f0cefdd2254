/**
 * A stand-in for `epochal server`, for working on the page alone: `node dev/fixture-server.mjs [--port 8791] [--empty]`.
 * Serves the built bundle and the routes that the page uses (docs/internals/wire.md) over seeded runs, some of them live.
 */
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { buckets } from "./columns.mjs";
import { logLine, makeProjects, points, stepUs } from "./data.mjs";

const argument = (name, fallback) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : fallback);
const port = Number(argument("--port", "8791"));
const statics = join(dirname(fileURLToPath(import.meta.url)), "../../src/epochal/server/static");
const projects = process.argv.includes("--empty") ? [] : makeProjects(Date.now() * 1000);
const runs = new Map(projects.flatMap((p) => p.runs.map((r) => [r.uid, Object.assign(r, { entity: p.entity, project: p.name })])));
const streams = new Set();
let rev = 1;

const CSP = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; connect-src 'self'";
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json" };

class Refusal extends Error {
  constructor(status, code, message, position) {
    super(message);
    Object.assign(this, { status, code, position });
  }
}

const wire = (v) => (typeof v !== "number" || Number.isFinite(v) ? v : Number.isNaN(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity");
const rowOf = ({ steps, metrics, config, summary, logLines, speed, diverges, ...row }) => row;
const runOf = (uid) => runs.get(uid) ?? refuse(404, "not_found", `no run has the uid ${uid}`);
const refuse = (status, code, message, position) => { throw new Refusal(status, code, message, position); };

function stats(run, key) {
  const { v, step } = points(run, key);
  const finite = v.filter(Number.isFinite);
  const nan = v.findIndex(Number.isNaN);
  const sum = finite.reduce((a, b) => a + b, 0);
  return {
    key, count: v.length, last: wire(v.at(-1) ?? null), last_step: step.at(-1) ?? null, min: finite.length ? finite.reduce((a, b) => Math.min(a, b)) : null,
    max: finite.length ? finite.reduce((a, b) => Math.max(a, b)) : null, mean: finite.length ? sum / finite.length : null, n_nan: v.filter(Number.isNaN).length,
    n_inf: v.length - finite.length - v.filter(Number.isNaN).length, first_nan_step: nan < 0 ? null : step[nan],
  };
}

function field(run, name) {
  const call = /^(last|min|max|mean|count)\((.*)\)$/.exec(name);
  if (call) return run.metrics.includes(call[2]) ? stats(run, call[2])[call[1]] : null;
  if (name === "created") return run.created_us;
  if (name === "duration") return (run.ended_us ?? Date.now() * 1000) - run.created_us;
  if (name.startsWith("config.")) return name.slice(7).split(".").reduce((o, k) => o?.[k], run.config) ?? null;
  if (name.startsWith("summary.")) return run.summary[name.slice(8)] ?? null;
  return run[name] ?? null;
}

function matches(run, where) {
  if (!where) return true;
  return where.split(/\s+and\s+/).every((part) => {
    const m = /^\s*([\w.()/-]+)\s*(==|!=|<=|>=|<|>)\s*(?:"([^"]*)"|(-?[\d.e-]+))\s*$/.exec(part);
    if (!m) refuse(400, "query_syntax", `expected a comparison such as config.lr < 0.01, got "${part.trim()}"`, Math.max(0, where.indexOf(part.trim())));
    const [, name, op, text, number] = m;
    const left = field(run, name);
    const right = text ?? Number(number);
    return { "==": left === right, "!=": left !== right, "<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right }[op] && left !== null;
  });
}

function queryRuns(body) {
  const all = projects.find((p) => p.entity === (body.entity ?? "local") && p.name === body.project)?.runs ?? refuse(404, "not_found", `there is no project "${body.project}"`);
  let found = all.filter((r) => r.archived === (body.archived ?? false) && matches(r, body.where));
  if (body.ids) found = found.filter((r) => body.ids.includes(r.id) || body.ids.includes(r.uid));
  for (const entry of [...(body.order ?? ["-created"])].reverse()) {
    const name = entry.replace(/^-/, "");
    const sign = entry.startsWith("-") ? -1 : 1;
    const values = new Map(found.map((r) => [r, field(r, name)]));
    const missing = (v) => v === null || v === "NaN";
    found.sort((a, b) => {
      const [p, q] = [values.get(a), values.get(b)];
      return missing(p) || missing(q) ? missing(p) - missing(q) : p < q ? -sign : p > q ? sign : 0;
    });
  }
  const start = Number(body.cursor ?? 0);
  const page = found.slice(start, start + (body.limit ?? 100));
  return {
    total: all.length, matched: found.length, cursor: start + page.length < found.length ? String(start + page.length) : null, runs: page.map(rowOf), rev: 0,
    columns: Object.fromEntries((body.columns ?? []).map((c) => [c, page.map((r) => field(r, c))])),
  };
}

function keysOf(project) {
  const count = (lists) => {
    const seen = new Map();
    for (const list of lists) for (const key of list) seen.set(key, (seen.get(key) ?? 0) + 1);
    return [...seen].map(([key, n]) => ({ key, runs: n }));
  };
  const flat = (o, prefix = "") => Object.entries(o).flatMap(([k, v]) => (v && typeof v === "object" && !Array.isArray(v) ? flat(v, `${prefix}${k}.`) : [`${prefix}${k}`]));
  const kind = (key) => (/name|model|note|data|checkpoint/.test(key) ? "text" : "number");
  return {
    metrics: count(project.runs.map((r) => r.metrics)), config: count(project.runs.map((r) => flat(r.config))).map((c) => ({ ...c, kind: kind(c.key) })),
    summary: count(project.runs.map((r) => Object.keys(r.summary))).map((c) => ({ ...c, kind: kind(c.key) })),
  };
}

function detail(run) {
  const t = run.created_us;
  return {
    ...rowOf(run), config: run.config, metrics: run.metrics.map((k) => stats(run, k)), definitions: [],
    summary: { ...run.summary, ...Object.fromEntries(run.metrics.filter((k) => !k.startsWith("system/")).map((k) => [k, stats(run, k).last])) },
    environment: { python: "3.11.9", command: `train.py --model ${run.config.model ?? "-"}`, git: { commit: "a1b2c3d4e5f6", branch: "main", dirty: true, remote: "" }, host: run.host, os: "Linux 6.8", gpu: ["NVIDIA H100 80GB"], packages: { torch: "2.8.0", numpy: "2.3.1" } },
    events: [{ t_us: t, level: "info", title: "started", text: `on ${run.host}, pid 4211` }, ...(run.nan_key ? [{ t_us: t + run.nan_step * stepUs(run), level: "warning", title: `${run.nan_key} became NaN`, text: `at step ${run.nan_step}` }, { t_us: run.ended_us, level: "error", title: "failed", text: "RuntimeError: loss is NaN" }] : []), ...(run.state === "finished" ? [{ t_us: run.ended_us, level: "info", title: "finished", text: "exit code 0" }] : [])],
    writers: [{ uid: "w0", host: run.host, pid: 4211, started_us: t, closed: run.state !== "running", offset: 183_422 }],
  };
}

function logs(run, q) {
  const limit = Math.min(5000, Number(q.get("limit") ?? 500));
  const search = q.get("search")?.toLowerCase();
  if (search) {
    const hits = [];
    for (let n = 0; n < run.logLines; n++) {
      const line = logLine(run, n);
      if (line.text.toLowerCase().includes(search)) hits.push(line);
    }
    const start = Number(q.get("start") ?? 0);
    return { total: hits.length, start, lines: hits.slice(start, start + limit) };
  }
  const tail = q.get("tail");
  const start = tail ? Math.max(0, run.logLines - Number(tail)) : Number(q.get("start") ?? 0);
  const count = Math.max(0, Math.min(tail ? Number(tail) : limit, run.logLines - start));
  return { total: run.logLines, start, lines: Array.from({ length: count }, (_, i) => logLine(run, start + i)) };
}

const json = async (request) => {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text ? JSON.parse(text) : {};
};

async function answer(request, response, url) {
  const { pathname: path, searchParams: q } = url;
  const send = (value) => response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(value));
  const project = () => projects.find((p) => p.entity === (q.get("entity") ?? "local") && p.name === q.get("project")) ?? refuse(404, "not_found", `there is no project "${q.get("project")}"`);
  if (path === "/healthz") return response.end("ok");
  if (path === "/api/v1/info") return send({ version: "0.1.0", build: "dev", mode: "local", user: { name: "local", role: "admin" }, home: "/home/ada/.epochal", server_time_us: Date.now() * 1000 });
  if (path === "/api/v1/projects") {
    return send({ projects: projects.map((p) => ({ entity: p.entity, name: p.name, runs: p.runs.length, running: p.runs.filter((r) => r.state === "running").length, created_us: Math.min(...p.runs.map((r) => r.created_us)), updated_us: Math.max(...p.runs.map((r) => r.updated_us)) })).sort((a, b) => b.updated_us - a.updated_us) });
  }
  if (path === "/api/v1/projects/keys") return send(keysOf(project()));
  if (path === "/api/v1/runs/query") return send(queryRuns(await json(request)));
  if (path === "/api/v1/runs/resolve") return send(detail(project().runs.find((r) => r.id === q.get("id")) ?? refuse(404, "not_found", `there is no run "${q.get("id")}" in "${q.get("project")}"`)));
  if (path === "/api/v1/series/buckets") return response.writeHead(200, { "content-type": "application/vnd.epochal.columns" }).end(buckets(await json(request), runOf));
  if (path === "/api/v1/events") return stream(request, response);
  const [, uid, rest] = /^\/api\/v1\/runs\/([0-9a-f]{32})(\/logs)?$/.exec(path) ?? refuse(404, "not_found", `no such route: ${path}`);
  const run = runOf(uid);
  if (rest) return send(logs(run, q));
  if (request.method === "PATCH") return send(rowOf(Object.assign(run, await json(request))));
  if (request.method === "DELETE") {
    runs.delete(uid);
    for (const p of projects) p.runs = p.runs.filter((r) => r.uid !== uid);
    return response.writeHead(204).end();
  }
  return send(detail(run));
}

function stream(request, response) {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
  response.write(`event: hello\ndata: {"rev": ${rev}}\n\n`);
  streams.add(response);
  request.on("close", () => streams.delete(response));
}

function tick() {
  const changed = [...runs.values()].filter((r) => r.state === "running");
  for (const run of changed) {
    run.steps += 3;
    run.logLines += 2;
    run.last_step = run.steps - 1;
    run.updated_us = Date.now() * 1000;
  }
  rev++;
  const data = JSON.stringify({ runs: changed.map((r) => ({ uid: r.uid, project: r.project, entity: r.entity, rev, what: ["series", "logs"], state: r.state, last_step: r.last_step, reset: false })) });
  for (const response of streams) response.write(`event: changes\ndata: ${data}\n\n`);
}

createServer((request, response) => {
  const url = new URL(request.url, "http://localhost");
  response.setHeader("content-security-policy", CSP);
  if (url.pathname.startsWith("/api/") || url.pathname === "/healthz") {
    return answer(request, response, url).catch((error) => {
      if (!(error instanceof Refusal)) console.error(error);
      const body = { error: { code: error.code ?? "internal", message: error.message, position: error.position } };
      response.writeHead(error.status ?? 500, { "content-type": "application/json" }).end(JSON.stringify(body));
    });
  }
  const file = url.pathname.startsWith("/static/") ? join(statics, url.pathname.slice(8)) : join(statics, "index.html");
  if (!file.startsWith(statics) || !existsSync(file)) return response.writeHead(404).end("not found");
  response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream" });
  return createReadStream(file).pipe(response);
}).listen(port, "127.0.0.1", () => console.log(`http://127.0.0.1:${port}/`));

if (!process.argv.includes("--still")) setInterval(tick, 300);
