import { createRoot } from "react-dom/client";
import { cameBack } from "../state/elsewhere";
import { loadPreferences, showPreferences } from "../state/preferences";
import { TidingsProvider } from "../state/react";
import { format, signInToken } from "../state/routes";
import { createTidings } from "../state/tidings";
import { App, Crash } from "./App";
import "./styles/index.css";

showPreferences(loadPreferences());

// The token is used once and must stay neither in the address bar nor in the history.
const token = signInToken(location.hash);
if (token !== undefined) history.replaceState(null, "", location.pathname);

// So is what an issuer sent the browser back with.
const came = cameBack(location.pathname, location.search);
if (came !== undefined) history.replaceState(null, "", format({ page: "settings", section: "identities" }));

const root = document.getElementById("app");
if (root) {
  createRoot(root).render(
    <Crash>
      <TidingsProvider value={createTidings()}>
        <App token={token} came={came} />
      </TidingsProvider>
    </Crash>,
  );
}
