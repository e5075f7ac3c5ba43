// One thing at a time, and a sentence when it fails.
import { useState } from "react";
import { useTidings } from "../../state/react";

/** `busy` while something is done; `act` says whether it was. */
export function useDoing(): { busy: boolean; act: (work: () => Promise<unknown>, done?: string) => Promise<boolean> } {
  const { failed, toast } = useTidings();
  const [busy, setBusy] = useState(false);
  const act = async (work: () => Promise<unknown>, done?: string): Promise<boolean> => {
    setBusy(true);
    try {
      await work();
      if (done) toast("info", done);
      return true;
    } catch (error) {
      failed(error);
      return false;
    } finally {
      setBusy(false);
    }
  };
  return { busy, act };
}
