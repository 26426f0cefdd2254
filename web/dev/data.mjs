/** Seeded runs for looking at the page without a server: curves with spikes, NaN and infinities, logs, and live runs. */

export function random(seed) {
  let s = seed >>> 0 || 1;
  return () => {
    s ^= s << 13; s >>>= 0;
    s ^= s >>> 17;
    s ^= s << 5; s >>>= 0;
    return s / 4294967296;
  };
}

const hash = (text) => [...text].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 16777619) >>> 0, 2166136261);

const MODELS = ["resnet18", "resnet34", "resnet50", "convnext-t", "vit-s"];
const OPTIMIZERS = ["adamw", "sgd", "lion"];
const METRICS = [
  "train/loss", "train/acc", "train/grad_norm", "train/tokens_per_s", "val/loss", "val/acc", "val/top5", "lr", "epoch", "perf/step_ms", "perf/data_ms",
  ...Array.from({ length: 14 }, (_, i) => `gradients/layer${i}.weight`),
  "system/cpu", "system/memory", "system/gpu.0.utilization", "system/gpu.0.memory", "system/gpu.0.power", "system/gpu.0.temperature", "system/disk", "system/network.sent", "system/network.recv",
];
const HOUR = 3600e6;

export function makeProjects(nowUs) {
  const projects = [
    { entity: "local", name: "resnets", runs: makeRuns("resnets", 64, nowUs, 3) },
    { entity: "local", name: "tiny lm/ablation", runs: makeRuns("tiny lm/ablation", 8, nowUs - 30 * HOUR, 0) },
    { entity: "vision", name: "resnets", runs: makeRuns("vision-resnets", 14, nowUs - 400 * HOUR, 0) },
    { entity: "local", name: "smoke-test", runs: [] },
  ];
  projects[3].runs.push(bareRun(nowUs));
  return projects;
}

function bareRun(nowUs) {
  return {
    ...row("smoke-test", 0, nowUs - HOUR, "first-try", "finished"), steps: 0, metrics: [], config: {}, summary: {}, logLines: 0, speed: 1, diverges: Infinity,
  };
}

function row(project, i, created, name, state) {
  const id = (hash(`${project}:${i}`).toString(36) + "0000000").slice(0, 7) + i.toString(36);
  const uid = [0, 1, 2, 3].map((k) => hash(`${project}/${id}/${k}`).toString(16).padStart(8, "0")).join("");
  return {
    uid, id, project, name, state, created_us: created, updated_us: created, ended_us: null, group: i % 5 === 0 ? "ablation" : null,
    job_type: null, tags: i % 4 === 0 ? ["baseline"] : i % 7 === 0 ? ["paper", "rerun"] : [], notes: "", color: i, archived: false,
    host: `node${1 + (i % 3)}`, exit_code: state === "finished" ? 0 : state === "failed" ? 1 : null, last_step: null, nan_key: null, nan_step: null,
  };
}

function makeRuns(project, count, nowUs, live) {
  return Array.from({ length: count }, (_, i) => {
    const r = random(hash(`${project}-${i}`));
    const model = MODELS[Math.floor(r() * MODELS.length)];
    const optimizer = OPTIMIZERS[Math.floor(r() * OPTIMIZERS.length)];
    const running = i >= count - live;
    const broken = i % 13 === 6;
    const state = running ? "running" : broken ? "failed" : i % 17 === 9 ? "crashed" : i % 23 === 11 ? "killed" : "finished";
    const created = nowUs - (count - i) * 0.61 * HOUR;
    const run = row(project, i, Math.round(created), `${model}-${optimizer}-${i}`, state);
    const full = Math.floor(6000 + r() * 6000);
    run.steps = running ? 2000 + Math.floor(r() * 1000) : state === "finished" ? full : Math.floor(full * 0.7);
    run.speed = 0.9 + r() * 0.2;
    run.diverges = broken ? Math.floor(run.steps * 0.7) : Infinity;
    run.metrics = METRICS;
    run.config = {
      lr: Number((10 ** (-4 + 2.5 * r())).toPrecision(2)), model, optimizer: { name: optimizer, weight_decay: Number((r() * 0.1).toPrecision(2)), betas: [0.9, 0.999] },
      batch_size: 2 ** (5 + Math.floor(r() * 4)), seed: i, data: { name: "cifar-10", augment: r() < 0.5, workers: 8, mean: [0.4914, 0.4822, 0.4465] }, epochs: 90, note: null,
    };
    run.summary = { best_epoch: Math.floor(r() * 90), checkpoint: `ckpt/${run.id}/last.pt` };
    run.logLines = i === count - 1 ? 1_000_000 : 4000;
    if (broken) Object.assign(run, { nan_key: "train/loss", nan_step: run.diverges });
    run.last_step = run.steps - 1;
    const end = run.created_us + run.steps * stepUs(run);
    run.ended_us = running ? null : Math.round(end);
    run.updated_us = running ? nowUs : Math.round(end);
    if (running) run.created_us = Math.round(nowUs - run.steps * stepUs(run));
    return run;
  });
}

export const stepUs = (run) => 0.1e6 / run.speed;

/** Steps at which a key is logged. */
const every = (key) => (key.startsWith("val/") ? 250 : key.startsWith("system/") ? 20 : key === "epoch" ? 100 : 1);

const cache = new Map();

/** All points of a series as {x: step, t: us since creation, v}. Grows with the run; old points never change. */
export function points(run, key) {
  const name = `${run.uid}|${key}`;
  const s = cache.get(name) ?? { step: [], t: [], v: [], r: random(hash(name)), walk: 0 };
  cache.set(name, s);
  if (!run.metrics.includes(key)) return s;
  const stride = every(key);
  let step = s.step.length > 0 ? s.step[s.step.length - 1] + stride : stride === 1 ? 0 : stride - 1;
  for (; step < run.steps; step += stride) {
    s.step.push(step);
    s.t.push(Math.round(step * stepUs(run)));
    s.v.push(value(run, key, step, s));
  }
  return s;
}

function value(run, key, step, s) {
  const n = (s.r() + s.r() + s.r() - 1.5) * 0.8;
  const lr = run.config.lr;
  const skill = 1 / (1 + Math.abs(Math.log10(lr) + 2.7));
  const progress = 1 - Math.exp(-step / (900 / (0.4 + skill)));
  const dead = step >= run.diverges && (key.startsWith("train/") || key.startsWith("val/loss"));
  if (dead) return key === "train/grad_norm" && step === run.diverges ? Infinity : NaN;
  switch (key) {
    case "train/loss": return 2.4 - (1.7 + 0.45 * skill) * progress + n * 0.13 + (s.r() < 0.0006 ? 1.5 + s.r() : 0);
    case "train/acc": return Math.min(1, 0.1 + (0.72 + 0.16 * skill) * progress + n * 0.05);
    case "val/loss": return 2.35 - (1.6 + 0.3 * skill) * progress + 0.15 * (step / 12000) ** 2 + n * 0.03;
    case "val/acc": return 0.1 + (0.68 + 0.16 * skill) * progress + n * 0.01;
    case "val/top5": return 0.5 + (0.4 + 0.08 * skill) * progress + n * 0.006;
    case "lr": return lr * (step < 500 ? step / 500 : 0.5 * (1 + Math.cos(((step - 500) / 12000) * Math.PI)));
    case "epoch": return Math.floor(step / 100);
    case "train/grad_norm": return Math.exp(0.3 + n * 0.7 + (s.r() < 0.002 ? 3 : 0)) * (1.2 - 0.6 * progress);
    case "train/tokens_per_s": return 41_000 * run.speed * (1 + n * 0.03) * (s.r() < 0.004 ? 0.4 : 1);
    case "perf/step_ms": return (23 / run.speed) * (1 + Math.abs(n) * 0.1) + (s.r() < 0.003 ? 60 * s.r() : 0);
    case "perf/data_ms": return 1.5 + Math.abs(n) * 2;
    case "system/memory": return 18e9 + 4e9 * progress;
    case "system/gpu.0.temperature": return 42 + 30 * progress + n * 2;
    case "system/gpu.0.power": return 290 + n * 40;
    default:
      if (key.startsWith("system/")) return Math.max(0, Math.min(100, 78 + n * 20));
      s.walk += n * 0.02;
      return Math.exp(s.walk - 2 - progress);
  }
}

const LEVELS = ["\x1b[32mINFO\x1b[0m", "\x1b[32mINFO\x1b[0m", "\x1b[32mINFO\x1b[0m", "\x1b[33mWARN\x1b[0m", "\x1b[36mDEBUG\x1b[0m"];

export function logLine(run, n) {
  const r = random(hash(run.uid) + n * 7919);
  r();
  const bad = n % 211 === 200;
  const t = run.created_us + n * 1e5;
  if (bad) return { n, t_us: t, stream: "err", writer: "w0", text: `UserWarning: the scheduler was stepped before the optimizer (line ${n}); the first value of the schedule is skipped` };
  if (n % 40 === 7) return { n, t_us: t, stream: "out", writer: "w0", text: `epoch ${Math.floor(n / 40)}: 100%|\x1b[38;5;39m██████████\x1b[0m| 390/390 [00:1${n % 10}<00:00, 32.${n % 97} it/s]` };
  const loss = (2.3 * Math.exp(-n / 3000) + 0.2 + r() * 0.05).toFixed(4);
  return { n, t_us: t, stream: "out", writer: "w0", text: `[${LEVELS[Math.floor(r() * LEVELS.length)]}] step \x1b[1m${n * 3}\x1b[0m loss=${loss} lr=${run.config.lr} grad=${(r() * 3).toFixed(2)}` };
}
