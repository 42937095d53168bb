"""Whether a mail is encrypted or signed, by S/MIME or by PGP; nothing here verifies or opens anything."""

from pipeline.parse.message import Protection
from pipeline.parse.mime import Part

_PKCS7 = frozenset({"application/pkcs7-mime", "application/x-pkcs7-mime"})
_SIGNED_TYPES = frozenset({"signed-data", "compressed-data", "certs-only"})
_SIGNATURES = frozenset({
    "application/pkcs7-signature", "application/x-pkcs7-signature", "application/pgp-signature",
})  # fmt: skip


def read_protection(whole: Part, text: str) -> Protection | None:
    """`encrypted` when what was written cannot be read without a key, else `signed`, else None.

    RFC 8551 (S/MIME), RFC 3156 (PGP in MIME), RFC 9580 (armour in the text itself).
    """
    kinds = {_kind(part) for part in (whole, *whole.children)}
    if "encrypted" in kinds or text.lstrip().startswith("-----BEGIN PGP MESSAGE-----"):
        return "encrypted"
    if "signed" in kinds or ("-----BEGIN PGP SIGNED MESSAGE-----" in text and "-----BEGIN PGP SIGNATURE-----" in text):
        return "signed"
    return None


def _kind(part: Part) -> Protection | None:
    kind = part.content_type
    if kind in {"multipart/encrypted", "application/pgp-encrypted"}:
        return "encrypted"
    if kind in _PKCS7:
        return "signed" if part.parameters.get("smime-type", "").lower() in _SIGNED_TYPES else "encrypted"
    return "signed" if kind == "multipart/signed" or kind in _SIGNATURES else None
