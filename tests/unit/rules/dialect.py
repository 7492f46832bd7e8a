"""The dialect in which plain Python and compiled code give the same numbers, checked over syntax trees."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

Kind = str | tuple["Kind", ...]
"""What an expression is: int, float, bool, Window, the name of a named tuple, a tuple, or ? for unknown."""

FUNCTIONS = {"float", "min", "max", "abs", "len", "range"}
OF_MATH = {"sqrt", "floor", "ceil"}
FORBIDDEN: tuple[tuple[tuple[type[ast.AST], ...], str], ...] = (
    ((ast.Pow,), "a power"),
    ((ast.Try, ast.Raise, ast.Assert), "an exception"),
    ((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), "a comprehension"),
    ((ast.Lambda,), "a lambda"),
    ((ast.Dict,), "a dict"),
    ((ast.Set,), "a set"),
    ((ast.List,), "a list"),
    ((ast.JoinedStr,), "an f-string"),
    ((ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef), "a definition inside a rule"),
    ((ast.Global, ast.Nonlocal, ast.Import, ast.ImportFrom), "a reach outside"),
    ((ast.With, ast.Yield, ast.YieldFrom, ast.Await, ast.NamedExpr, ast.Match, ast.Delete), "other syntax"),
    ((ast.Is, ast.IsNot, ast.In, ast.NotIn, ast.MatMult, ast.Starred), "other syntax"),
)


@dataclass
class Names:
    """What the modules of rules define, taken together."""

    constants: dict[str, Kind] = field(default_factory=dict)
    aliases: dict[str, Kind] = field(default_factory=dict)
    tuples: dict[str, dict[str, Kind]] = field(default_factory=dict)
    rules: dict[str, Kind] = field(default_factory=dict)
    signatures: dict[str, Kind] = field(default_factory=dict)
    """What a rule of a named signature returns."""
    chains: dict[str, Kind] = field(default_factory=dict)
    """What every rule of a list returns: tuples of rules of one signature."""

    def learn(self, tree: ast.Module) -> None:
        for node in tree.body:
            match node:
                case ast.ClassDef(bases=[ast.Name("NamedTuple")]):
                    fields = (n for n in node.body if isinstance(n, ast.AnnAssign))
                    self.tuples[node.name] = {ast.unparse(n.target): self.kind(n.annotation) for n in fields}
                case ast.AnnAssign(
                    target=ast.Name(name),
                    annotation=ast.Name("TypeAlias"),
                    value=ast.Subscript(ast.Name("Callable"), ast.Tuple([ast.List(), returned])),
                ):
                    self.signatures[name] = self.kind(returned)
                case ast.AnnAssign(
                    target=ast.Name(name),
                    annotation=ast.Subscript(ast.Name("tuple"), ast.Tuple([ast.Name(each), ast.Constant()])),
                ) if each in self.signatures:
                    self.chains[name] = self.signatures[each]
                case ast.AnnAssign(target=ast.Name(name), annotation=ast.Name("TypeAlias"), value=ast.expr()):
                    assert node.value is not None
                    self.aliases[name] = self.kind(node.value)
                case ast.FunctionDef() if is_rule(node):
                    self.rules[node.name] = self.kind(node.returns)
                case ast.Assign():
                    for target in node.targets:
                        self.constants.update(self._bound(target, node.value))

    def kind(self, annotation: ast.expr | None) -> Kind:
        match annotation:
            case ast.Name(name):
                return self.aliases.get(name, name)
            case ast.Subscript(ast.Name("tuple"), ast.Tuple(parts)):
                return tuple(self.kind(p) for p in parts)
            case ast.Subscript(ast.Name("Sequence"), ast.Name("float")):
                return "Window"
        return "?"

    def _bound(self, target: ast.expr, value: ast.expr) -> Iterator[tuple[str, Kind]]:
        """Names that a module-level assignment binds: constants, a tuple of them, a range."""
        match target, value:
            case ast.Name(name), _:
                yield name, Scope(self, {}).kind(value)
            case ast.Tuple(targets), ast.Tuple(values):
                for one, its in zip(targets, values, strict=True):
                    yield from self._bound(one, its)
            case ast.Tuple(targets), ast.Call(ast.Name("range")):
                yield from ((ast.unparse(t), "int") for t in targets)


@dataclass
class Scope:
    """What is known inside one rule."""

    names: Names
    local: dict[str, Kind]
    members: dict[str, Kind] = field(default_factory=dict)
    """What the rule returns that a loop over a list of rules has in hand."""

    def kind(self, node: ast.expr) -> Kind:
        match node:
            case ast.Constant(value):
                return type(value).__name__
            case ast.Name(name):
                return self.local.get(name, self.names.constants.get(name, "?"))
            case ast.Compare() | ast.BoolOp() | ast.UnaryOp(ast.Not()):
                return "bool"
            case ast.UnaryOp(_, operand):
                return self.kind(operand)
            case ast.BinOp(_, ast.Div(), _):
                return "float"
            case ast.BinOp(left, _, right):
                return _joined([self.kind(left), self.kind(right)])
            case ast.IfExp(_, body, orelse):
                return self.kind(body) if self.kind(body) == self.kind(orelse) else "?"
            case ast.Tuple(parts):
                return tuple(self.kind(p) for p in parts)
            case ast.Attribute(value, name):
                of = self.kind(value)
                return self.names.tuples.get(of, {}).get(name, "?") if isinstance(of, str) else "?"
            case ast.Subscript(value, index):
                return self._part(self.kind(value), index)
            case ast.Call(func, arguments):
                return self._called(ast.unparse(func), [self.kind(a) for a in arguments])
        return "?"

    def bind(self, target: ast.expr, kind: Kind) -> Iterator[str]:
        """Bind what is assigned; yields what is wrong with it."""
        if isinstance(target, ast.Tuple):
            parts = kind if isinstance(kind, tuple) else ("?",) * len(target.elts)
            for one, its in zip(target.elts, parts, strict=True):
                yield from self.bind(one, its)
            return
        name = ast.unparse(target)
        before = self.local.setdefault(name, kind)
        if {before, kind} == {"int", "float"}:
            yield f"{name} is both an integer and a float"

    def _part(self, kind: Kind, index: ast.expr) -> Kind:
        if kind == "Window":
            return "Window" if isinstance(index, ast.Slice) else "float"
        if isinstance(kind, tuple) and isinstance(index, ast.Constant) and isinstance(index.value, int):
            return kind[index.value]
        return "?"

    def _called(self, name: str, arguments: list[Kind]) -> Kind:
        if name in ("float", "math.sqrt"):
            return "float"
        if name in ("len", "math.floor", "math.ceil"):
            return "int"
        if name in ("min", "max", "abs"):
            return "float" if arguments == ["Window"] else _joined(arguments)
        if name in self.names.tuples:
            return name
        return self.members.get(name, self.names.rules.get(name, "?"))


def problems(source: str, names: Names | None = None) -> list[str]:
    """Everything in a module of rules that is outside the dialect, in words."""
    tree = ast.parse(source)
    known = names or Names()
    known.learn(tree)
    found: list[str] = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if not is_rule(node):
                found.append(f"{node.name}: not a rule")
            found += (f"{node.name}: {what}" for what in _in_rule(node, known))
        elif isinstance(node, ast.ClassDef) and node.name not in known.tuples:
            found.append(f"{node.name}: a class that is no NamedTuple")
    return found


def is_rule(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return [ast.unparse(d) for d in node.decorator_list] == ["rule"]


def rule_modules(folder: Path) -> dict[str, str]:
    """The sources of the modules of rules, in an order in which what is imported comes first."""
    sources = {p.stem: p.read_text() for p in sorted(folder.glob("*.py")) if p.stem != "__init__"}
    ordered: dict[str, str] = {}
    while len(ordered) < len(sources):
        ready = [m for m, s in sources.items() if m not in ordered and _needs(s) <= set(ordered)]
        assert ready, "modules of rules import each other in a circle"
        ordered |= {m: sources[m] for m in ready}
    return ordered


def _needs(source: str) -> set[str]:
    imports = (n.module for n in ast.parse(source).body if isinstance(n, ast.ImportFrom) and n.module)
    return {m.rpartition(".")[2] for m in imports if m.startswith("cryptopilot.rules.")}


def _in_rule(function: ast.FunctionDef | ast.AsyncFunctionDef, names: Names) -> Iterator[str]:
    if isinstance(function, ast.AsyncFunctionDef):
        yield "other than a plain function"
    arguments = function.args
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs or arguments.posonlyargs or arguments.defaults:
        yield "other than plain arguments"
    for argument in arguments.args:
        if argument.annotation is None:
            yield f"{argument.arg} is not annotated"
    if function.returns is None:
        yield "its result is not annotated"
    scope = Scope(names, {a.arg: names.kind(a.annotation) for a in arguments.args})
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    for statement in body:
        for node in _in_order(statement):
            yield from _at(node, scope)


def _in_order(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _in_order(child)


def _at(node: ast.AST, scope: Scope) -> Iterator[str]:
    yield from (what for kinds, what in FORBIDDEN if isinstance(node, kinds))
    match node:
        case ast.Constant(None):
            yield "a None"
        case ast.Constant(str() | bytes()):
            yield "a string"
        case ast.Assign(targets, value):
            for target in targets:
                yield from scope.bind(target, scope.kind(value))
        case ast.AnnAssign():
            yield "an annotated local"
        case ast.AugAssign(target, operator, value):
            yield from _at(ast.BinOp(target, operator, value), scope)
            yield from scope.bind(target, scope.kind(ast.BinOp(target, operator, value)))
        case ast.For(ast.Name(each), ast.Name(chain)) if chain in scope.names.chains:
            scope.members[each] = scope.names.chains[chain]
            if any(isinstance(n, ast.Break | ast.Continue) for n in ast.walk(node)) or node.orelse:
                yield f"a way out of the loop over {chain} other than returning"
        case ast.For(target, over):
            yield from scope.bind(target, "int" if isinstance(over, ast.Call) else "float")
        case ast.BinOp(left, ast.Div(), right) if "float" not in (scope.kind(left), scope.kind(right)):
            yield f"a division of integers: {ast.unparse(node)}"
        case ast.IfExp(_, body, orelse) if {scope.kind(body), scope.kind(orelse)} == {"int", "float"}:
            yield f"either an integer or a float: {ast.unparse(node)}"
        case ast.Call(func, _, keywords):
            name = ast.unparse(func)
            of_math = name.startswith("math.") and name.removeprefix("math.") in OF_MATH
            ours = name in scope.names.rules or name in scope.members or name in scope.names.tuples
            if not (name in FUNCTIONS or of_math or ours):
                yield f"a call of {name}"
            if keywords:
                yield "a keyword argument"


def _joined(kinds: list[Kind]) -> Kind:
    """What arithmetic makes of operands of these kinds."""
    if "float" in kinds:
        return "float"
    return "int" if set(kinds) <= {"int", "bool"} else "?"
