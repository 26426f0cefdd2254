/** What to type to get a thing that the page shows, in Python and in a shell. Pure. */
import { LOCAL } from "../route";
import { shellLine } from "../shell";
import { fullName, type Place } from "./ask";

export interface Snippet {
  title: string;
  text: string;
}

/** A Python string literal. JSON's escapes are Python's too, but for a lone surrogate, which no name has. */
export const pythonText = (text: string): string => JSON.stringify(text);

/** Without the entity where nobody would miss it: a project with a slash in its name needs it. */
function shortName(place: Place): string {
  const full = fullName(place);
  return place.entity === LOCAL && !place.project.includes("/") ? full.slice(LOCAL.length + 1) : full;
}

const both = (python: string, ...words: string[]): Snippet[] => [
  { title: "Python", text: python },
  { title: "Shell", text: shellLine(["epochal", ...words]) },
];

export function artifactSnippets(place: Place, type: string): Snippet[] {
  const name = shortName(place);
  return both(
    `import epochal\n\nrun = epochal.init(project=${pythonText(place.project)})\nartifact = run.use_artifact(${pythonText(name)}, type=${pythonText(type)})\nfolder = artifact.download()`,
    "artifact", "get", name,
  );
}

/** Of what MLflow saved, what `epochal.load_model` cannot load. */
const FOREIGN = /^mlflow (?!pytorch$|onnx$|sklearn$)/;

function loading(uri: string, format: string, origin = location.origin): string {
  const [first, from] = FOREIGN.test(format) ? [`mlflow\n\nmlflow.set_tracking_uri(${pythonText(origin)})`, "mlflow.pyfunc"] : ["epochal\n", "epochal"];
  return `import ${first}\nmodel = ${from}.load_model(${pythonText(uri)})\nprediction = model.predict(data)`;
}

/**
 * @param word a version's number or an alias with "@" before it
 * @param format of the version, as its metadata tells it
 */
export function modelSnippets(name: string, word: string, format = "", origin?: string): Snippet[] {
  const uri = `models:/${name}${word.startsWith("@") ? "" : "/"}${word}`;
  return both(loading(uri, format, origin), "model", "get", uri);
}

/** MLflow's client knows a run by its uid alone. */
export const loggedModelSnippet = (run: { id: string; uid: string }, name: string, format: string): Snippet => ({
  title: "Python",
  text: loading(`runs:/${FOREIGN.test(format) ? run.uid : run.id}/${name}`, format),
});
