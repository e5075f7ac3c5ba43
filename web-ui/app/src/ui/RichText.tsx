import { pieces } from "./format";

/** A message's text: plain, with its web addresses as links that tell the other site nothing. */
export function RichText({ text }: { text: string }) {
  return (
    <>
      {pieces(text).map((piece, index) =>
        piece.href === undefined ? (
          piece.text
        ) : (
          // oxlint-disable-next-line react/no-array-index-key -- the pieces of one text never move
          <a key={index} href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
            {piece.text}
          </a>
        ),
      )}
    </>
  );
}
