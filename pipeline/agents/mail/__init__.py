"""What a mail means: whose case it belongs to, who speaks, what is automatic; the mails that answer it."""
