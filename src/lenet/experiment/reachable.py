"""A digest of the code that some names can reach, by what it does and not by how it reads.

A package's sources are read as syntax trees; nothing is imported or run. From the names that a
configuration gives, the top-level definitions (functions, classes, assignments) that they use are
followed through imports and facades. A definition counts without its docstrings, comments,
annotations and the words of its refusals, and with every name in it replaced by what the name
stands for: so neither the file that it lies in nor the way in which it is imported matters.
"""

import ast
import copy
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

ENDS = ("lenet.tracking", "lenet.terminal", "lenet.errors", "lenet.report")
"""Rooms that cannot change a figure: what lies behind them is not followed."""

NO_FIGURE = {"save", "load", "extra_repr"}
"""Methods that cannot change a figure either."""

ANY = "any words"

Key = tuple[str, str]  # a module, and the name of a definition in it


class Package:
    """The sources of a package, read as far as they are asked for.

    Args:
        folder: of the package; its name is the package's.
        ends: dotted names, behind which nothing is followed.
    """

    def __init__(self, folder: Path, ends: tuple[str, ...] = ENDS) -> None:
        self.folder = folder
        self.ends = ends
        self._modules: dict[str, _Module | None] = {}
        self._definitions: dict[tuple[Key, frozenset[str] | str | None], _Definition] = {}

    def digest(self, roots: Iterable[str], words: Iterable[str] | None = None) -> str:
        """sha256 over all that can be reached; arguments as `reachable`."""
        found = self.reachable(roots, words)
        whole = sorted(f"{name} {dump}" for (_, name), dump in found.items())
        return hashlib.sha256("\n".join(whole).encode()).hexdigest()

    def reachable(self, roots: Iterable[str], words: Iterable[str] | None = None) -> dict[Key, str]:
        """The definitions that can be reached, each as the dump of what it does.

        Args:
            roots: dotted names, such as ``lenet.nets.LeNet5``; a module stands for all it defines.
            words: the texts of a configuration. An entry of a table (a dict with texts for keys)
                is reached where its key is among these or in a definition that is reached; None
                reaches all entries.
        """
        roots, known = list(roots), None if words is None else frozenset(words)
        while True:
            found: dict[Key, str] = {}
            texts: set[str] = set()
            waiting = [key for root in roots for key in self.resolve(root)]
            while waiting:
                key = waiting.pop()
                if key not in found:
                    part = self._definition(key, known)
                    found[key] = part.dump
                    texts |= part.texts
                    waiting += part.uses
            if known is None or texts <= known:
                return found
            known |= texts

    def resolve(self, dotted: str) -> list[Key]:
        """The definitions that a dotted name stands for, through facades; of a module, all."""
        parts = dotted.split(".")
        for cut in range(len(parts), 0, -1):
            module = self._module(".".join(parts[:cut]))
            if module is None:
                continue
            if cut == len(parts):
                return [(module.name, name) for name in module.defined]
            name = parts[cut]
            if name in module.defined:
                return [(module.name, name)]
            if name in module.imported:
                return self.resolve(".".join([module.imported[name], *parts[cut + 1 :]]))
            return []
        return []

    def _module(self, name: str) -> "_Module | None":
        """A module of the package, None if there is none of that name."""
        if name not in self._modules:
            first, _, rest = name.partition(".")
            stem = self.folder / rest.replace(".", "/")
            path = stem / "__init__.py" if stem.is_dir() else stem.with_suffix(".py")
            own = first == self.folder.name and path.is_file()
            self._modules[name] = _parsed(name, path) if own else None
        return self._modules[name]

    def _definition(self, key: Key, words: frozenset[str] | None) -> "_Definition":
        """What one definition does, what it uses, and the texts in it."""
        for asked in (ANY, words):
            if (key, asked) in self._definitions:
                return self._definitions[key, asked]
        module = self._module(key[0])
        assert module is not None
        reader = _Reader(self, module, words)
        statements = [copy.deepcopy(each) for each in (*module.defined[key[1]], *module.loose)]
        dump = " ".join(ast.dump(reader.visit(each)) for each in statements)
        found = _Definition(dump, reader.uses, reader.texts)
        self._definitions[key, words if reader.has_table else ANY] = found
        return found


@dataclass
class _Module:
    """A source file: its top-level definitions, its imports, and the statements between them."""

    name: str
    defined: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imported: dict[str, str] = field(default_factory=dict)
    loose: list[ast.stmt] = field(default_factory=list)


@dataclass(frozen=True)
class _Definition:
    dump: str
    uses: set[Key]
    texts: set[str]


def _parsed(name: str, path: Path) -> _Module:
    module = _Module(name)
    _sort(ast.parse(path.read_text(encoding="utf-8")).body, module)
    return module


def _sort(body: list[ast.stmt], module: _Module) -> None:
    """Puts each statement where it belongs: what changes a definition is a part of it."""
    for statement in body:
        match statement:
            case ast.Import() | ast.ImportFrom():
                module.imported |= _imports(statement)
            case ast.FunctionDef() | ast.ClassDef():
                module.defined.setdefault(statement.name, []).append(statement)
                for decorator in statement.decorator_list:
                    registry = _base(decorator)
                    if registry in module.defined and not isinstance(decorator, ast.Name):
                        module.defined[registry].append(statement)
            case ast.Assign(targets=targets):
                for target in targets:
                    _assign(target, statement, module)
            case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
                _assign(target, statement, module)
            case ast.If() | ast.Try() | ast.With():
                for name in ("body", "orelse", "finalbody"):
                    _sort(getattr(statement, name, []), module)
                for handler in getattr(statement, "handlers", []):
                    _sort(handler.body, module)
            case _ if not _is_text(statement):
                module.loose.append(statement)


def _assign(target: ast.expr, statement: ast.stmt, module: _Module) -> None:
    for part in target.elts if isinstance(target, ast.Tuple) else [target]:
        if name := _base(part):
            module.defined.setdefault(name, []).append(statement)


def _imports(statement: ast.Import | ast.ImportFrom) -> dict[str, str]:
    """What an import binds: local names, and the dotted names that they stand for."""
    if isinstance(statement, ast.ImportFrom):
        origin = statement.module
        return {alias.asname or alias.name: f"{origin}.{alias.name}" for alias in statement.names}
    whole = {alias.asname: alias.name for alias in statement.names if alias.asname}
    first = [alias.name.split(".")[0] for alias in statement.names if not alias.asname]
    return whole | {name: name for name in first}


def _base(node: ast.AST) -> str | None:
    """The name that a chain of attributes, subscripts and calls begins with."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call | ast.Starred):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def _is_text(node: ast.AST) -> bool:
    """Whether a statement is a mere string, as docstrings are."""
    value = node.value if isinstance(node, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)


class _Reader(ast.NodeTransformer):
    """Rewrites a definition to what it does, and notes the definitions that it uses."""

    def __init__(self, package: Package, module: _Module, words: frozenset[str] | None) -> None:
        self.package = package
        self.module = module
        self.words = words
        self.uses: set[Key] = set()
        self.texts: set[str] = set()
        self.has_table = False  # whose entries depend on the words
        self.local: list[dict[str, str | None]] = []  # by scope: None, or what was imported there

    # What does not count.

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if _is_text(node) else self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        return None

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        return None

    def visit_arg(self, node: ast.arg) -> ast.arg:
        return ast.arg(node.arg)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        kind = "ClassVar" if "ClassVar" in ast.dump(node.annotation) else "field"
        node.annotation = ast.Constant(kind)
        return self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> ast.Raise:
        return ast.Raise()

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.body = [each for each in node.body if getattr(each, "name", None) not in NO_FIGURE]
        return self.generic_visit(node)

    # Whose a name is.

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        node.decorator_list = [self.visit(each) for each in node.decorator_list]
        node.args = self.visit(node.args)
        self.local.append(_bound(node))
        node.body = [new for each in node.body if (new := self.visit(each)) is not None]
        self.local.pop()
        return node

    def _scope(self, node: ast.AST) -> ast.AST:
        self.local.append(_bound(node))
        node = self.generic_visit(node)
        self.local.pop()
        return node

    visit_Lambda = visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _scope

    # What is used.

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, str):
            self.texts.add(node.value)
        return node

    def visit_Dict(self, node: ast.Dict) -> ast.AST:
        """A table of the module keeps the entries that are asked for."""
        keys = [key.value if isinstance(key, ast.Constant) else None for key in node.keys]
        if self.local or not all(isinstance(key, str) for key in keys):
            return self.generic_visit(node)
        self.has_table = True
        if self.words is None:
            return self.generic_visit(node)
        kept = [i for i, key in enumerate(keys) if key in self.words]
        node.keys = [node.keys[i] for i in kept]
        node.values = [self.visit(node.values[i]) for i in kept]
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._used(node, node.id, [])

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        names, inner = [node.attr], node.value
        while isinstance(inner, ast.Attribute):
            names.insert(0, inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            return self._used(node, inner.id, names)
        return self.generic_visit(node)

    def _used(self, node: ast.expr, name: str, attributes: list[str]) -> ast.AST:
        """What a chain of names stands for."""
        for scope in reversed(self.local):
            if name in scope:
                imported = scope[name]
                return self._dotted([imported, *attributes]) if imported else node
        if name in self.module.defined:
            self.uses.add((self.module.name, name))
            return _name(name, *attributes)
        if name in self.module.imported:
            return self._dotted([self.module.imported[name], *attributes])
        return node

    def _dotted(self, names: list[str]) -> ast.AST:
        """What an imported name stands for; in the package, a definition's own name."""
        dotted = ".".join(names)
        parts = dotted.split(".")
        if parts[0] != self.package.folder.name:
            return _name(dotted)
        found = [] if dotted.startswith(self.package.ends) else self.package.resolve(dotted)
        found = [key for key in found if not key[0].startswith(self.package.ends)]
        self.uses |= set(found)
        if len(found) == 1 and found[0][1] in parts:
            return _name(*parts[parts.index(found[0][1]) :])
        return _name(parts[-1])


def _name(*parts: str) -> ast.Name:
    return ast.Name(".".join(parts), ast.Load())


def _bound(node: ast.AST) -> dict[str, str | None]:
    """The names that belong to a function, lambda or comprehension itself: None, or for an import
    what it stands for."""
    names: dict[str, str | None] = {}
    for each in _own(node):
        match each:
            case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                names[name] = None
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names[name] = None
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
                names[name] = None
            case ast.Import() | ast.ImportFrom():
                names |= _imports(each)
    return names


def _own(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope without those of the scopes within it."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            yield from _own(child)
