import { createRoot } from "react-dom/client";
import { loadPreferences, showPreferences } from "../state/preferences";
import { TidingsProvider } from "../state/react";
import { signInToken } from "../state/routes";
import { createTidings } from "../state/tidings";
import { App, Crash } from "./App";
import "./styles/index.css";

showPreferences(loadPreferences());

// The token is used once and must stay neither in the address bar nor in the history.
const token = signInToken(location.hash);
if (token !== undefined) history.replaceState(null, "", location.pathname);

const root = document.getElementById("app");
if (root) {
  createRoot(root).render(
    <Crash>
      <TidingsProvider value={createTidings()}>
        <App token={token} />
      </TidingsProvider>
    </Crash>,
  );
}
