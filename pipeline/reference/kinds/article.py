"""What a file may say of an article of the knowledge base."""

import re
from collections.abc import Iterator
from typing import ClassVar, Literal

from pipeline.domain.reference import Article
from pipeline.reference.kinds.told import Name, Text, Told, Words
from pipeline.reference.names import Names

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


class ToldArticle(Told):
    """An article in one language; another line with its external id and another language is a translation."""

    kind: Literal["article"]
    language: str | None = None
    state: Literal["draft", "review", "published", "archived"] = "draft"
    title: Name | None = None
    body: Text = ""
    keywords: Words = ()

    lists: ClassVar[frozenset[str]] = frozenset({"keywords"})

    def wrong(self, names: Names) -> Iterator[str]:  # noqa: ARG002  # every kind has this form
        """What the configuration says against it."""
        if self.language is not None and not _LANGUAGE.fullmatch(self.language):
            yield f'"{self.language}" is no language; write it like "en" or "pt-BR"'

    def record(self, names: Names) -> Article:
        """The record that is told."""
        values = self.values("language")
        return Article(**values, language=self.language or names.language)
