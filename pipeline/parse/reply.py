"""What the author of a mail newly wrote, apart from quotes and signature."""

def split_reply(text: str) -> tuple[str, str, str]:
    """Reply, quoted, signature."""
    return text, "", ""
