"""YAML files that people write: read within bounds, and said for people what is wrong with one."""

import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import yaml

MOST_FILE_BYTES = 256 << 10
"""Of a file: a text has at most 10,000 characters, and all the rest is short."""
_MOST_NODES = 10_000
"""Of a file, with every alias written out: aliases of aliases make billions of a few lines."""
_MOST_NESTING = 20
_MOST_SENTENCE_CHARS = 600


class YamlFileError(ValueError):
    """The file cannot be read, or is no YAML. The message goes on after the name of the file."""


_BOOL = "tag:yaml.org,2002:bool"
_TRUE_OR_FALSE = re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z")
"""As in YAML 1.2. Where a yes or no is asked for, the model understands those words too."""


_Resolvers = dict[str, list[tuple[str, re.Pattern[str]]]]


class _UniqueKeyLoader(yaml.SafeLoader):
    """YAML in which a key that occurs twice is an error; PyYAML keeps the last one without a word.

    Nor is NO the word for false, as in YAML 1.1: it is Norway.
    """

    yaml_implicit_resolvers: ClassVar[_Resolvers] = {  # type: ignore[misc]  # an instance's, say the stubs
        first: [(tag, _TRUE_OR_FALSE if tag == _BOOL else pattern) for tag, pattern in resolvers]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0
        self._sizes: dict[yaml.Node, int] = {}

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """A node, once it is sure that it can be made into data within bounds."""
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if self._depth >= _MOST_NESTING:
            raise yaml.composer.ComposerError(
                None, None, f"nested more than {_MOST_NESTING} deep", event.start_mark
            )
        self._depth += 1
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is not None:
            self._sizes[node] = size = 1 + sum(self._sizes_inside(node))
            if size > _MOST_NODES:
                raise yaml.composer.ComposerError(
                    None, None, f"more than {_MOST_NODES:,} values, with every alias written out", event.start_mark
                )
        return node

    def _sizes_inside(self, node: yaml.Node) -> Iterator[int]:
        children = [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else []
        children = node.value if isinstance(node, yaml.SequenceNode) else children
        for child in children:
            if child not in self._sizes:  # an alias of what it stands in
                raise yaml.composer.ComposerError(
                    None, None, "a value contains itself: write it without `*`", child.start_mark
                )
            yield self._sizes[child]

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Any, Any]:  # PyYAML's signature
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str | int | float | bool):
                raise yaml.constructor.ConstructorError(None, None, "a key must be one word", key_node.start_mark)
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key `{key}` occurs twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: str | Path) -> Any:
    """The data in a file.

    Raises:
        FileNotFoundError: There is no such file.
        YamlFileError: It cannot be read, or is no YAML that can be used.
    """
    try:
        source = _read_source(Path(path))
    except (FileNotFoundError, YamlFileError):
        raise
    except (OSError, ValueError) as error:
        raise YamlFileError(f"cannot be read as UTF-8 text: {error}") from None
    try:
        return yaml.load(source, Loader=_UniqueKeyLoader)  # noqa: S506  # a SafeLoader
    except yaml.YAMLError as error:
        raise YamlFileError(f"is not valid YAML: {' '.join(str(error).split())}") from None
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        # What PyYAML lets through: 2026-02-30, `!!bool maybe`, a number of 5,000 digits.
        why = " ".join(str(error).split())[:_MOST_SENTENCE_CHARS]
        raise YamlFileError(f"has a value that is not what its form or tag says: {why}") from None


def _read_source(path: Path) -> str:
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise YamlFileError("is a directory: name a file in it")
    if not stat.S_ISREG(mode):  # opening a pipe that nobody writes to never returns
        raise YamlFileError("is not a file: save it as one")
    with path.open("rb") as file:
        source = file.read(MOST_FILE_BYTES + 1)
    if len(source) > MOST_FILE_BYTES:
        raise YamlFileError(
            f"has more than {MOST_FILE_BYTES >> 10} kB: it is no campaign; contacts go into audience.path"
        )
    return source.decode("utf-8-sig")
