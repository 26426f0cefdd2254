import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/table.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { api } from "./core/api";
import { installHooks } from "./core/hooks";
import { startKeyboard } from "./core/keyboard";
import { mlflowPath } from "./core/mlflowlink";
import { startTheme } from "./core/theme";
import { nav } from "./state/nav.svelte";

startTheme();
startKeyboard();
installHooks();
mount(App, { target: document.getElementById("app") as HTMLElement });

/** MLflow's client prints addresses like `/#/experiments/0/runs/…`; one may also be pasted into an open page. */
function followMlflow(): void {
  void mlflowPath(location.hash, api).then((path) => {
    if (path === null) return;
    history.replaceState(null, "", "/");
    nav.go(path);
  });
}

addEventListener("hashchange", followMlflow);
followMlflow();
