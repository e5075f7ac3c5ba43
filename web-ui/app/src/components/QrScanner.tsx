import { Camera, CameraOff, Image } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Button } from "../ui/Button";
import { t } from "../ui/i18n";
import { picture, qrReader } from "./qr";

const look_ms = 250;

type Props = { onCode: (text: string) => void; onProblem: (problem: string | undefined) => void };

/** Finds a contact's code with the camera or in a picture. */
export function QrScanner({ onCode, onProblem }: Props) {
  const [filming, setFilming] = useState(false);
  const file = useRef<HTMLInputElement>(null);
  const cameras = typeof navigator.mediaDevices?.getUserMedia === "function";

  const choose = async (chosen: File | undefined) => {
    if (!chosen) return;
    onProblem(undefined);
    try {
      const { source, width, height } = await picture(chosen);
      const code = await (await qrReader())(source, width, height);
      if (code) onCode(code);
      else onProblem(t("add.no-code"));
    } catch {
      onProblem(t("add.bad-picture"));
    }
  };

  return (
    <div className="scanner">
      {filming && (
        <Film
          onCode={(code) => {
            setFilming(false);
            onCode(code);
          }}
          onDenied={() => {
            setFilming(false);
            onProblem(t("add.camera-denied"));
          }}
        />
      )}
      <div className="scanner-actions">
        {cameras && (
          <Button icon={filming ? <CameraOff /> : <Camera />} onClick={() => setFilming(!filming)}>
            {filming ? t("add.camera-stop") : t("add.camera")}
          </Button>
        )}
        <Button icon={<Image />} onClick={() => file.current?.click()}>
          {t("add.picture")}
        </Button>
        <input
          ref={file}
          className="visually-hidden"
          type="file"
          accept="image/*"
          tabIndex={-1}
          aria-label={t("add.picture")}
          onInput={(event) => {
            void choose(event.currentTarget.files?.[0]);
            event.currentTarget.value = "";
          }}
        />
      </div>
    </div>
  );
}

function Film({ onCode, onDenied }: { onCode: (code: string) => void; onDenied: () => void }) {
  const video = useRef<HTMLVideoElement>(null);
  const callbacks = useRef({ onCode, onDenied });
  callbacks.current = { onCode, onDenied };
  useEffect(() => {
    let stopped = false;
    let stream: MediaStream | undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const run = async () => {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
      const film = video.current;
      if (stopped || !film) return;
      film.srcObject = stream;
      await film.play();
      const read = await qrReader();
      const look = async () => {
        if (stopped) return;
        const code = film.videoWidth > 0 ? await read(film, film.videoWidth, film.videoHeight) : undefined;
        if (stopped) return;
        if (code) callbacks.current.onCode(code);
        else timer = setTimeout(() => void look(), look_ms);
      };
      await look();
    };
    run()
      .catch(() => !stopped && callbacks.current.onDenied())
      .finally(() => stopped && stop());
    const stop = () => stream?.getTracks().forEach((track) => track.stop());
    return () => {
      stopped = true;
      clearTimeout(timer);
      stop();
    };
  }, []);
  return (
    <figure className="film">
      {/* oxlint-disable-next-line jsx-a11y/media-has-caption -- a live picture without sound */}
      <video ref={video} muted playsInline />
      <figcaption>{t("add.camera-hint")}</figcaption>
    </figure>
  );
}
