//! Which files may be a group's picture, by their first bytes. Nothing here decodes a picture.

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const JPEG: &[u8] = b"\xff\xd8\xff";

/// The media type of a picture that a group may have; none for any other file.
pub fn picture_media_type(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(PNG) {
        Some("image/png")
    } else if bytes.starts_with(JPEG) {
        Some("image/jpeg")
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("image/webp")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_told_by_their_first_bytes() {
        assert_eq!(picture_media_type(b"\x89PNG\r\n\x1a\n..."), Some("image/png"));
        assert_eq!(picture_media_type(b"\xff\xd8\xff\xe0"), Some("image/jpeg"));
        assert_eq!(picture_media_type(b"RIFF\x00\x00\x00\x00WEBPVP8 "), Some("image/webp"));
        for other in [b"".as_slice(), b"GIF89a", b"<svg", b"RIFF\x00\x00\x00\x00WAVE", b"RIFF", b"\x89PN"] {
            assert_eq!(picture_media_type(other), None);
        }
    }
}
