/** What to type to begin a sweep or to work on one. Pure. */
import { pythonText, type Snippet } from "../objects/snippet";
import { shellLine } from "../shell";

/** How a project gets its first sweep. */
export function beginSnippets(project: string): Snippet[] {
  const python = [
    "import epochal",
    "",
    "config = {",
    '    "method": "bayes",',
    '    "metric": {"name": "val/loss", "goal": "minimize"},',
    '    "parameters": {',
    '        "lr": {"distribution": "log_uniform_values", "min": 1e-5, "max": 0.1},',
    "    },",
    '    "run_cap": 40,',
    "}",
    "",
    "def train():",
    "    with epochal.init() as run:",
    '        run.log({"val/loss": fit(run.config.lr)})',
    "",
    `sweep_id = epochal.sweep(config, project=${pythonText(project)})`,
    "epochal.agent(sweep_id, train)",
  ];
  return [
    { title: "Python", text: python.join("\n") },
    { title: "Shell", text: `${shellLine(["epochal", "sweep", "create", "sweep.yaml", "--project", project])}\nepochal sweep agent SWEEP` },
  ];
}

/** How an agent starts on a sweep. */
export function agentSnippets(id: string): Snippet[] {
  return [
    { title: "Shell", text: `${shellLine(["epochal", "sweep", "agent", id])}` },
    { title: "Python", text: ["import epochal", "", `epochal.agent(${pythonText(id)}, train)`].join("\n") },
  ];
}
