// Reading a QR code from a picture: by the browser where it can, else by a decoder that is loaded on demand.

type Detector = { detect(source: CanvasImageSource): Promise<{ rawValue: string }[]> };
type DetectorClass = {
  new (options: { formats: string[] }): Detector;
  getSupportedFormats(): Promise<string[]>;
};

export type Reader = (source: CanvasImageSource, width: number, height: number) => Promise<string | undefined>;

/** Larger pictures are scaled down: a code needs no more, and the decoder's time grows with the area. */
const side_px_max = 1_200;

export async function qrReader(): Promise<Reader> {
  const Native = (globalThis as { BarcodeDetector?: DetectorClass }).BarcodeDetector;
  if (Native) {
    const formats = await Native.getSupportedFormats().catch((): string[] => []);
    if (formats.includes("qr_code")) {
      const detector = new Native({ formats: ["qr_code"] });
      return async (source) => (await detector.detect(source))[0]?.rawValue;
    }
  }
  const { default: decode } = await import("jsqr");
  const canvas = document.createElement("canvas");
  return async (source, width, height) => {
    const scale = Math.min(1, side_px_max / Math.max(width, height));
    canvas.width = Math.max(1, Math.round(width * scale));
    canvas.height = Math.max(1, Math.round(height * scale));
    const context = canvas.getContext("2d", { willReadFrequently: true });
    if (!context) return undefined;
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(source, 0, 0, canvas.width, canvas.height);
    const image = context.getImageData(0, 0, canvas.width, canvas.height);
    return decode(image.data, image.width, image.height)?.data;
  };
}

/** A file as something to draw. SVG has no bitmap of its own, so it goes through an image element. */
export async function picture(file: File): Promise<{ source: CanvasImageSource; width: number; height: number }> {
  if (file.type !== "image/svg+xml") {
    const source = await createImageBitmap(file);
    return { source, width: source.width, height: source.height };
  }
  const image = new Image();
  const url = URL.createObjectURL(file);
  try {
    image.src = url;
    await image.decode();
  } finally {
    URL.revokeObjectURL(url);
  }
  const side = Math.max(image.naturalWidth, image.naturalHeight, 1);
  const scale = Math.max(1, 600 / side);
  return { source: image, width: image.naturalWidth * scale, height: image.naturalHeight * scale };
}
