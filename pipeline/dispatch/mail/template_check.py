"""Finds what is wrong in a desk's own templates before a mail is to be written by them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import jinja2
from jinja2 import meta, nodes
from jinja2.sandbox import SandboxedEnvironment

from pipeline.dispatch.mail.templates import FILE, TemplateFailedError, make_environment, render, split
from pipeline.dispatch.mail.vocabulary import NAMES, example
from pipeline.dispatch.mail.words import DEFAULT, words_of


@dataclass(frozen=True, slots=True)
class Fault:
    """Something wrong in a file, on a line if one is to blame."""

    file: Path
    line: int | None
    says: str

    def __str__(self) -> str:
        return f"{self.file}{f':{self.line}' if self.line else ''}: {self.says}"


def check_folder(folder: Path) -> list[Fault]:
    """All faults of all templates in a folder."""
    if not folder.is_dir():
        return [Fault(folder, None, "there is no such folder of templates")]
    environment = make_environment(folder)
    return [
        fault
        for file in sorted(folder.iterdir())
        if file.is_file() and not file.name.startswith(".") and file.suffix != ".md"
        for fault in _check(file, environment)
    ]


def _check(file: Path, environment: SandboxedEnvironment) -> Iterator[Fault]:
    found = FILE.fullmatch(file.name)
    if found is None or found["name"] not in NAMES:
        close = get_close_matches(file.name.partition(".")[0], NAMES, n=1)
        hint = f"did you mean {close[0]}? There are" if close else "there are"
        says = f"is no template: write NAME.txt or NAME.LANGUAGE.txt (.html beside); {hint}: {', '.join(NAMES)}"
        yield Fault(file, None, says)
        return
    name = found["name"]
    try:
        source = file.read_text("utf-8")
        tree = environment.parse(source)
        environment.compile(source)
    except UnicodeDecodeError as error:
        yield Fault(file, None, f"is not UTF-8: {error}")
        return
    except jinja2.TemplateSyntaxError as error:
        yield Fault(file, error.lineno, f"this is no Jinja: {error.message}")
        return
    faults = [*_unknown(tree, name, file)]
    yield from faults
    if not faults:
        yield from _rehearsed(file, environment, name, is_text=found["kind"] == "txt")


def _unknown(tree: nodes.Template, name: str, file: Path) -> Iterator[Fault]:
    """Names that the template is not given."""
    known = {**example(name), "words": words_of(DEFAULT)}
    free = meta.find_undeclared_variables(tree)
    for node in tree.find_all(nodes.Name):
        if node.ctx == "load" and node.name in free and node.name not in known:
            yield Fault(file, node.lineno, _no_such(node.name, [*known], name))
    parts: list[nodes.Getattr | nodes.Getitem] = [*tree.find_all(nodes.Getattr), *tree.find_all(nodes.Getitem)]
    for access in parts:
        whole = access.node
        if not isinstance(whole, nodes.Name) or whole.name not in free:
            continue
        part = access.attr if isinstance(access, nodes.Getattr) else _constant(access)
        inner = known.get(whole.name)
        if isinstance(inner, dict) and isinstance(part, str) and part not in inner and not hasattr(dict, part):
            yield Fault(
                file, node.lineno, _no_such(f"{whole.name}.{part}", [f"{whole.name}.{key}" for key in inner], name)
            )


def _constant(node: nodes.Expr) -> object:
    arg = getattr(node, "arg", None)
    return arg.value if isinstance(arg, nodes.Const) else None


def _no_such(word: str, known: list[str], template: str) -> str:
    close = get_close_matches(word, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ";"
    return f"{template} knows no {word}{hint} known are: {', '.join(sorted(known))}"


def _rehearsed(file: Path, environment: SandboxedEnvironment, name: str, *, is_text: bool) -> Iterator[Fault]:
    """What goes wrong when it is rendered, with everything there is and with nothing."""
    try:
        rendered = render(environment, file.name, {**example(name), "words": words_of(DEFAULT)})
        if is_text:
            split(rendered, file.name)
    except TemplateFailedError as error:
        cause = error.__cause__
        line = _line(cause, file) if cause is not None else (1 if is_text else None)
        yield Fault(file, line, re.sub(rf"^{re.escape(file.name)}:? ", "", str(error)))


def _line(error: BaseException, file: Path) -> int | None:
    """The line of the template at which it failed."""
    found, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            found = trace.tb_lineno
        trace = trace.tb_next
    return found
