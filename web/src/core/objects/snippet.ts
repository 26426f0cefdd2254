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

export function artifactSnippets(place: Place, type: string): Snippet[] {
  const name = shortName(place);
  const python = [
    "import epochal",
    "",
    `run = epochal.init(project=${pythonText(place.project)})`,
    `artifact = run.use_artifact(${pythonText(name)}, type=${pythonText(type)})`,
    "folder = artifact.download()",
  ];
  return [
    { title: "Python", text: python.join("\n") },
    { title: "Shell", text: shellLine(["epochal", "artifact", "get", name]) },
  ];
}

/** @param word a version's number or an alias with "@" before it */
export function modelSnippets(name: string, word: string): Snippet[] {
  const uri = word.startsWith("@") ? `models:/${name}${word}` : `models:/${name}/${word}`;
  const python = ["import epochal", "", `model = epochal.load_model(${pythonText(uri)})`, "prediction = model.predict(data)"];
  return [
    { title: "Python", text: python.join("\n") },
    { title: "Shell", text: shellLine(["epochal", "model", "get", uri]) },
  ];
}

export function loggedModelSnippet(run: string, name: string): Snippet {
  return { title: "Python", text: ["import epochal", "", `model = epochal.load_model(${pythonText(`runs:/${run}/${name}`)})`, "prediction = model.predict(data)"].join("\n") };
}
