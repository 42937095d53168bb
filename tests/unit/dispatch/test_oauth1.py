"""Requests for X are signed as X's own example is."""

from pipeline.dispatch.replies.oauth1 import Keys, authorization

KEYS = Keys(
    "xvz1evFS4wEEPTGEFPHBog",
    "kAcSOqF21Fu85e7zjz7ZN2U4ZRhfV3WpwPAoE3Z7kBw",
    "370773112-GmHxMAgYyLbNEtIKZeRNFsMKPR9EyMZeS9weJAEb",
    "LswwdoUaIvS8ltyTt5jkRh4J50vUPVVHtR2YPi5kE",
)
"""The keys of the example on X's page about creating a signature."""


def test_the_signature_is_that_of_the_example() -> None:
    header = authorization(
        "post",
        "https://api.twitter.com/1.1/statuses/update.json",
        {"status": "Hello Ladies + Gentlemen, a signed OAuth request!", "include_entities": "true"},
        KEYS,
        nonce="kYjzVBB8Y0ZFabxSWbWovY3uYSQ2pTgmZeNu2VS4cg",
        timestamp=1318622958,
    )
    assert header.startswith('OAuth oauth_consumer_key="xvz1evFS4wEEPTGEFPHBog", oauth_nonce="')
    assert header.endswith('oauth_signature="hCtSmYh%2BiHYCEqBWrE7C7hYmtUk%3D"')
