import "./styles/tokens.css";
import "uplot/dist/uPlot.min.css";
import "./styles/base.css";
import { mount } from "svelte";
import App from "./App.svelte";
import { installHooks } from "./core/hooks";
import { startKeyboard } from "./core/keyboard";
import { startTheme } from "./core/theme";

startTheme();
startKeyboard();
installHooks();
mount(App, { target: document.getElementById("app") as HTMLElement });
