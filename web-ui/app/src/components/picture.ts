// A person's picture file as a group's picture: square, small, and without what a camera writes beside the picture.

/** Tried in this order until one is small enough. WebP is a third smaller; not every browser writes it. */
const side_px = [128, 112, 96, 80, 64] as const;
const kinds = ["image/webp", "image/jpeg"] as const;
const qualities = [0.9, 0.8, 0.7, 0.55, 0.4] as const;

export class BadPicture extends Error {
  override name = "BadPicture";
}

/** The file cut to a square and scaled until it has at most `bytes_max` bytes. */
export async function groupPicture(file: Blob, bytes_max: number): Promise<Blob> {
  let source: ImageBitmap;
  try {
    source = await createImageBitmap(file);
  } catch {
    throw new BadPicture("not a picture");
  }
  try {
    for (const side of side_px) {
      const canvas = drawn(source, side);
      for (const kind of kinds) {
        for (const quality of qualities) {
          // oxlint-disable-next-line no-await-in-loop -- the first that fits is taken, and that is nearly always the first
          const blob = await encoded(canvas, kind, quality);
          if (blob && blob.type === kind && blob.size <= bytes_max) return blob;
        }
      }
    }
  } finally {
    source.close();
  }
  throw new BadPicture("too large");
}

function drawn(source: ImageBitmap, side: number): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = side;
  canvas.height = side;
  const context = canvas.getContext("2d");
  if (!context) throw new BadPicture("no canvas");
  // What is see-through would be black in a JPEG.
  context.fillStyle = "#fff";
  context.fillRect(0, 0, side, side);
  context.imageSmoothingQuality = "high";
  const cut = Math.min(source.width, source.height);
  context.drawImage(source, (source.width - cut) / 2, (source.height - cut) / 2, cut, cut, 0, 0, side, side);
  return canvas;
}

const encoded = (canvas: HTMLCanvasElement, kind: string, quality: number): Promise<Blob | null> =>
  new Promise((resolve) => canvas.toBlob(resolve, kind, quality));
