"""XML elements → rows, and a parser that cannot be harmed: no entities, no network, no huge trees."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from lxml import etree

from connectors.contract import Contract
from connectors.mapping import Reference
from connectors.paths import listed_names
from hub.errors import ContractError, SourceFormatError

#: Options of every parser: nothing is fetched, expanded or allowed to grow.
SAFE: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "huge_tree": False,
    "load_dtd": False,
    "remove_comments": True,
    "remove_pis": True,
}
_GB18030_MARK = "\ufeff".encode("gb18030")  # libxml2 knows the marks of UTF-8 and UTF-16 alone
_LAST_STEP = re.compile(r"(?:^|/)([\w.-]+)(?:\[[^\]]*\])*$")
_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"


def parse(content: bytes, what: str) -> etree._Element:
    """A document's root.

    Args:
        content: the document.
        what: what it is, for the message.

    Raises:
        SourceFormatError: it declares entities (an XML bomb), refers to one that is declared elsewhere, or is not well formed.
    """
    parser = etree.XMLParser(**SAFE)
    try:
        root = etree.fromstring(content.removeprefix(_GB18030_MARK), parser)
    except etree.XMLSyntaxError as error:
        raise SourceFormatError(
            f"{what} 不是可读的 XML · {what} is not XML that can be read: {reason(error)}",
            remedy="传输中断则重新拉取，否则请部门更正 · pull again if it was cut off, or else have the department correct that line",
            line=error.lineno,
        ) from None
    refuse_entities(root, what)
    if any(warning.type == etree.ErrorTypes.WAR_UNDECLARED_ENTITY for warning in parser.error_log):  # its text is missing in the tree
        raise SourceFormatError(
            f"{what} 引用了在别处声明的实体（&name;） · {what} refers to text that is declared elsewhere (&name;)",
            remedy="请部门提供不含 DOCTYPE 的 XML · ask the department's desk for XML without a DOCTYPE",
        )
    return root


def reason(error: etree.XMLSyntaxError) -> str:
    """Why a document cannot be read, without the words of the document that libxml2 quotes."""
    return f"libxml2 error {getattr(error, 'code', '?')} at line {error.lineno}"


def refuse_entities(root: etree._Element, what: str) -> None:
    """Refuse a document type that declares entities.

    Raises:
        SourceFormatError: it does.
    """
    declared: Any = root.getroottree().docinfo.internalDTD
    if declared is not None and declared.entities():
        raise SourceFormatError(
            f"{what} 声明了实体，有 XML 炸弹风险 · {what} declares entities, as an XML bomb does",
            remedy="请部门提供不含 DOCTYPE 的 XML · ask the department's desk for XML without a DOCTYPE",
        )


def find(root: etree._Element, xpath: str, namespaces: dict[str, str]) -> list[etree._Element]:
    """Elements at an XPath.

    Raises:
        ContractError: the XPath cannot be evaluated, or leads to something else than elements.
        SourceFormatError: it finds nothing, for what it names stands in a namespace there.
    """
    try:
        found = root.xpath(xpath, namespaces=namespaces or None)
    except etree.XPathError as error:
        raise ContractError(
            f"{xpath!r} 不是可以执行的 XPath · {xpath!r} is no XPath that can be evaluated: {error}",
            remedy="在 namespaces: 中列出其前缀 · name its prefixes in namespaces:",
        ) from None
    nodes = found if isinstance(found, list) else [found]
    elements = [node for node in nodes if isinstance(node, etree._Element)]
    if len(elements) < len(nodes):
        raise ContractError(
            f"{xpath!r} 指向的不是元素 · {xpath!r} leads to something else than elements",
            remedy="去掉元素之后的部分：写 //row，不写 //row/@id · leave out what follows the element: //row, not //row/@id",
        )
    if not elements:
        _refuse_other_namespace(root, xpath)
    return elements


def _refuse_other_namespace(root: etree._Element, xpath: str) -> None:
    """Without a prefix an XPath names elements of no namespace: it finds none in a document that has a default one, and says nothing."""
    named = _LAST_STEP.search(xpath)
    spaces = {etree.QName(element).namespace for element in root.iter(etree.Element) if local(element.tag) == named[1]} if named else set()
    spaces.discard(None)
    if spaces:
        raise SourceFormatError(
            f"{xpath!r} 没有结果，而文档中该名称的元素属于命名空间 {min(map(str, spaces))} · "
            f"{xpath!r} finds nothing, and the document has elements of that name in the namespace {min(map(str, spaces))}",
            remedy=f"在 xml: 中写 namespaces: {{x: {min(map(str, spaces))}}} 和 record: //x:{(named[1] if named else '')} · "
            f"in xml:, namespaces: {{x: {min(map(str, spaces))}}} and record: //x:{(named[1] if named else '')}",
            path=xpath,
        )


def to_row(element: etree._Element, lists: frozenset[str]) -> dict[str, Any]:
    """An element as a row: children by local name, attributes by `@name`, empty ones null.

    Args:
        element: one record.
        lists: names that are lists however few there are.
    """
    value = _value(element, lists)
    return value if isinstance(value, dict) else {"#text": value}


def _value(element: etree._Element, lists: frozenset[str]) -> Any:
    attributes = element.attrib
    if not len(element) and not attributes:  # most elements by far: a leaf with a text
        text = element.text
        return (text.strip() or None) if text else None
    row: dict[str, Any] = {f"@{local(name)}": text for name, text in attributes.items() if name != _NIL}
    texts = [element.text]
    for child in element:
        texts.append(child.tail)
        if not isinstance(child.tag, str):
            continue
        name, value = local(child.tag), _value(child, lists)
        if name not in row:
            row[name] = [value] if name in lists else value
        elif isinstance(row[name], list):
            row[name].append(value)
        else:
            row[name] = [row[name], value]
    text = "".join(filter(None, texts)).strip()
    if text:
        row["#text"] = text
    if not row:  # xsi:nil
        return None
    return row if len(row) > 1 or "#text" not in row else text


@lru_cache(maxsize=4096)
def local(name: str | bytes) -> str:
    """A name without its namespace."""
    text = name.decode() if isinstance(name, bytes) else name
    return text.rpartition("}")[2]


def lists_of(contract: Contract) -> frozenset[str]:
    """Names that the contract's paths take as lists: XML itself cannot tell a list of one from a single element."""
    paths: Iterable[str | None] = [
        *(mapping.path for _, mapping in contract.mappings()),
        *(party.each.path if party.each else None for party in contract.parties),
        *(reference.path for reference in contract.references if isinstance(reference, Reference)),
    ]
    return frozenset(name for path in paths if path for name in listed_names(path))
