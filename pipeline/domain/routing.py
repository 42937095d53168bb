"""Routing: which rules hold for a case, and where they send it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from pipeline.domain.cel_python import any_of
from pipeline.domain.conditions import Condition, Facts

Assignment = Literal["round_robin", "least_active", "highest_capacity"]
"""Who gets a case: who had none for longest, who has fewest, who has most room left."""

MAX_SHOWN = 60
"""Characters of a value that an explanation shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRule:
    """A rule; `sets` are the fields that it decides on, `continues` lets rules below decide on the others.

    With `assign` it says who of the queue gets the case, needing these `skills` at least, for so many `units`.
    """

    name: str
    condition: Condition
    sets: Mapping[str, str] = field(default_factory=dict)
    assign: Assignment | None = None
    skills: Mapping[str, int] = field(default_factory=dict)
    units: int | None = None
    continues: bool = False


@dataclass(slots=True)
class Tried:
    """A rule that was tried on some facts, and whether it held; `failure` says why it could not be asked."""

    rule: RouteRule
    held: bool
    facts: Facts
    failure: str | None = None

    @property
    def saw(self) -> Mapping[str, object]:
        """The values that it saw; they are looked up for those alone whom somebody asks about."""
        return self.facts.seen(self.rule.condition)

    def __str__(self) -> str:
        return f"rule {self.rule.name}: {shown(self.saw)}"


@dataclass(slots=True)
class Routed:
    """What the rules decided: the fields that they set, who assigns, and which of the `rules` were tried.

    `noticed` are those that hold and those that could not be asked, `reached` counts those that were tried, and
    `passes` tells from which of them on which facts were asked about.
    """

    rules: Sequence[RouteRule]
    sets: dict[str, str] = field(default_factory=dict)
    noticed: list[Tried] = field(default_factory=list)
    reached: int = 0
    passes: list[tuple[int, Facts]] = field(default_factory=list)

    @property
    def held(self) -> list[Tried]:
        """The rules that hold, in their order."""
        return [one for one in self.noticed if one.held]

    @property
    def assigning(self) -> RouteRule | None:
        """The first rule that holds and says who gets the case."""
        return next((one.rule for one in self.held if one.rule.assign is not None), None)

    @property
    def failures(self) -> list[Tried]:
        """The rules that could not be asked."""
        return [one for one in self.noticed if one.failure is not None]

    @property
    def tried(self) -> list[Tried]:
        """Every rule that was tried."""
        noticed = {one.rule.name: one for one in self.noticed}
        ends = [*(first for first, _ in self.passes[1:]), self.reached]
        return [
            noticed.get(rule.name) or Tried(rule, held=False, facts=facts)
            for (first, facts), end in zip(self.passes, ends, strict=False)  # without rules there is none
            for rule in self.rules[first:end]
        ]


class Routes:
    """The rules of a desk, from the top."""

    def __init__(self, rules: Iterable[RouteRule] = ()) -> None:
        self.rules = tuple(rules)
        self._any_simple = any_of(rule.condition.simple for rule in self.rules if rule.condition.simple is not None)
        self._others = [place for place, rule in enumerate(self.rules) if rule.condition.simple is None]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.rules)

    def decide(self, facts_with: Callable[[Mapping[str, str]], Facts]) -> Routed:
        """Try the rules from the top until one holds that does not continue; what is set first stays.

        `facts_with` gives the facts as they are with these fields of the case set, so that a rule sees what those above
        it decided.
        """
        routed = Routed(self.rules)
        facts = facts_with({})
        while routed.reached < len(self.rules):
            routed.passes.append((routed.reached, facts))
            rule = self._next(facts, routed)
            if rule is None:
                break
            added = {name: value for name, value in rule.sets.items() if name not in routed.sets}
            routed.sets |= added
            if not rule.continues:
                break
            if added:
                facts = facts_with(routed.sets)
        return routed

    def _next(self, facts: Facts, routed: Routed) -> RouteRule | None:
        """The next rule that holds; where no simple one does at all, only the others are asked."""
        first, routed.reached = routed.reached, len(self.rules)
        places = range(len(self.rules)) if self._any_simple(facts.shown) else self._others
        for place in places:
            if place < first:
                continue
            tried = _tried(self.rules[place], facts)
            if tried.held or tried.failure is not None:
                routed.noticed.append(tried)
            if tried.held:
                routed.reached = place + 1
                return tried.rule
        return None

    def rest(self, facts: Facts, routed: Routed) -> list[Tried]:
        """The rules that were not reached, asked all the same, for who wants to see everything."""
        return [_tried(rule, facts) for rule in self.rules[routed.reached :]]


def shown(saw: Mapping[str, object]) -> str:
    """Values as a person reads them: `account.tier = "gold", account.seats = none`."""
    return ", ".join(f"{name} = {_value(value)}" for name, value in saw.items()) or "asks nothing"


def _value(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, str):
        line = " ".join(value[: 4 * MAX_SHOWN].split())
        return f'"{line[:MAX_SHOWN]}…"' if len(line) > MAX_SHOWN else f'"{line}"'
    text = str(value)
    return f"{text[:MAX_SHOWN]}…" if len(text) > MAX_SHOWN else text


def _tried(rule: RouteRule, facts: Facts) -> Tried:
    before = len(facts.failures)
    held = rule.condition.holds(facts)
    failure = facts.failures[before] if len(facts.failures) > before else None
    return Tried(rule, held, facts, failure)
