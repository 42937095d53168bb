"""The rule language's compiled library, without the shell that its package would load along.

The package `cel` imports its interactive shell whenever it is imported, and with it a terminal toolkit: half a second
and some twenty megabytes for each of our processes. The extension inside it is all that we use.
"""

from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import TYPE_CHECKING, Any


def _extension() -> Any:  # noqa: ANN401  # it ships no types
    package = find_spec("cel")
    spec = PathFinder.find_spec("cel.cel", package.submodule_search_locations) if package else None
    if spec is None or spec.loader is None:
        raise ImportError("the package common-expression-language is not installed whole")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cel = _extension()

if TYPE_CHECKING:
    Context = Any
    Program = Any
else:
    Context = cel.Context
    Program = cel.Program
