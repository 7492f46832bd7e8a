"""Loops over a list of rules, unrolled: a compiler that types every variable knows no tuple of different functions.

Only this loop is rewritten, and only in its twin: ``for check in REVIEW`` becomes its body once for each rule of
`REVIEW`, in order, with the rule in the place of the loop's variable.
"""

import ast
import copy
import inspect
import textwrap
from collections.abc import Mapping
from types import CodeType, FunctionType

from cryptopilot.domain.errors import InvalidValueError


def numbered(chain: str, number: int) -> str:
    """By what name the unrolled code calls the rule at that place of the list."""
    return f"{chain}__{number}"


def unrolled(function: FunctionType, chains: Mapping[str, int]) -> CodeType:
    """The code of *function* with its loops over *chains* (lists of rules, by name, with their lengths) unrolled.

    Raises:
        InvalidValueError: such a loop is left or gone on with other than by returning.
    """
    looped = {name: length for name, length in chains.items() if name in function.__code__.co_names}
    if not looped:
        return function.__code__
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    tree = ast.fix_missing_locations(_Unrolling(looped).visit(tree))
    ast.increment_lineno(tree, function.__code__.co_firstlineno - 1)
    module = compile(tree, function.__code__.co_filename, "exec")
    return next(constant for constant in module.co_consts if isinstance(constant, CodeType))


class _Unrolling(ast.NodeTransformer):
    def __init__(self, chains: Mapping[str, int]) -> None:
        self._chains = chains

    def visit_For(self, node: ast.For) -> ast.AST | list[ast.AST]:  # ast's own spelling.
        match node:
            case ast.For(ast.Name(each), ast.Name(chain)) if chain in self._chains:
                return self._repeated(node, each, chain)
        return self.generic_visit(node)

    def _repeated(self, node: ast.For, each: str, chain: str) -> list[ast.AST]:
        left = [n for statement in node.body for n in ast.walk(statement) if isinstance(n, ast.Break | ast.Continue)]
        if left or node.orelse:
            raise InvalidValueError(f"loop over {chain}", ast.unparse(node), "one that ends or returns")
        return [
            _Renaming(each, numbered(chain, number)).visit(copy.deepcopy(statement))
            for number in range(self._chains[chain])
            for statement in node.body
        ]


class _Renaming(ast.NodeTransformer):
    def __init__(self, name: str, other: str) -> None:
        self._name, self._other = name, other

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if node.id == self._name:
            node.id = self._other
        return node
