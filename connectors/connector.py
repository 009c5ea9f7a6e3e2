"""The `connector:` part of a contract: how a department's system is reached, one model a kind. Credentials are never here."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictStr, model_validator

from connectors.model import Name, Positive, Scalar, Strict, Text, Whole, refuse, unique

Auth = Literal["none", "api_key", "basic", "bearer", "oauth2_client_credentials"]


def _relative(path: str) -> str:
    if path.startswith(("/", "\\")) or ".." in path.split("/") or "://" in path:
        raise refuse(
            "超出了连接的根目录 · leaves the connection's root",
            remedy="写连接 URL 之下的路径，不以 / 开头，也不含 .. · "
            "write a path below the connection's URL, without a leading / and without ..",
        )
    return path


def _rooted(path: str) -> str:
    if not path.startswith("/") or path.startswith("//"):
        raise refuse(
            "不是连接所指主机的路径 · is not a path of the connection's host",
            remedy="以一个 / 开头；主机写在连接里 · begin with one /; the host belongs to the connection",
        )
    return path


def _encoding(name: str) -> str:
    try:
        "x".encode(name)
    except (LookupError, UnicodeError) as error:
        raise refuse(
            f"{name!r} 不是字符编码 · {name!r} is no encoding",
            remedy="可用 utf-8、gb18030、gbk、big5、utf-16 等 · write utf-8, gb18030, gbk, big5, utf-16 …",
        ) from error
    return name


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as error:
        raise refuse(f"不是正则表达式 · is not a regular expression: {error}") from error
    return text


Encoding = Annotated[Text, AfterValidator(_encoding)]
RelativePath = Annotated[Text, AfterValidator(_relative)]
RootedPath = Annotated[Text, AfterValidator(_rooted)]
Pattern = Annotated[Text, AfterValidator(_pattern)]


class _Connector(Strict):
    """What every kind has: its credentials' name and its limits."""

    connection: Name = Field(description="Name of the credentials: CASEHUB_CONNECTION_<NAME>.")
    page_size: Annotated[Positive, Field(le=50_000)] = Field(5000, description="Most rows asked for or handed on at once.")
    timeout_s: Annotated[Positive, Field(le=3600)] = Field(30, description="Seconds without an answer after which a request is given up.")
    max_response_bytes: Positive = Field(268_435_456, description="Most bytes of one answer, page or file, counted after decompression.")
    retries: Annotated[Whole, Field(le=10)] = Field(4, description="Tries after the first, where trying again can help.")


class SqlConnector(_Connector):
    """A relation or a query of an SQL database, read in keyset pages."""

    kind: Literal["sql"]
    relation: Text | None = Field(None, description="Table or view, schema-qualified if need be.")
    query: Text | None = Field(None, description="A SELECT without ORDER BY or cursor clause, instead of a relation.")

    @model_validator(mode="after")
    def _one_of_two(self) -> SqlConnector:
        if (self.relation is None) == (self.query is None):
            raise refuse("须有 relation 或 query 之一 · needs either relation or query", remedy="两者写其一 · give one of the two")
        if self.query is not None and (not re.match(r"\s*(select|with)\b", self.query, re.I) or ";" in self.query):
            raise refuse(
                "query 不是单条 SELECT · query is not one SELECT", remedy="写一条 SELECT，不含 ; · write a single SELECT without ;"
            )
        return self


class RestPages(Strict):
    """How a REST source is paged."""

    style: Literal["none", "cursor", "offset", "page", "link"] = "none"
    size: Annotated[Positive, Field(le=50_000)] | None = Field(None, description="Rows a page; sent in size_param.")
    size_param: Text = "limit"
    cursor_param: Text = "cursor"
    next: Text | None = Field(None, description="JMESPath to the next cursor in the answer; empty or null there ends the pages.")
    offset_param: Text = "offset"
    page_param: Text = "page"
    first_page: Whole = 1
    total: Text | None = Field(None, description="JMESPath to the number of rows in all.")

    @model_validator(mode="after")
    def _fits_style(self) -> RestPages:
        if self.style == "cursor" and self.next is None:
            raise refuse(
                "style: cursor 须有 next · cursor pages need next",
                remedy='加上 next: "指向下一个游标的路径" · add next: "path.to.the.next.cursor"',
            )
        if self.style in ("offset", "page") and self.size is None:
            raise refuse(f"style: {self.style} 须有 size · {self.style} pages need size", remedy="加上 size: 100 · add size: 100")
        return self


class RestConnector(_Connector):
    """A JSON API over HTTP."""

    kind: Literal["rest"]
    path: RootedPath
    items: Text = Field("@", description="JMESPath to the list of rows in an answer.")
    params: dict[StrictStr, Scalar] = Field({}, description="Query parameters that are always sent.")
    headers: dict[StrictStr, StrictStr] = Field({}, description="Headers that are always sent; no credentials.")
    auth: Auth = "none"
    api_key_header: Text = "X-API-Key"
    pages: RestPages = RestPages()
    since_param: Text | None = Field(None, description="Query parameter that carries the watermark, less the lag.")

    @model_validator(mode="after")
    def _no_credentials(self) -> RestConnector:
        _refuse_credentials(self.headers)
        return self


def _refuse_credentials(headers: dict[str, str]) -> None:
    for name in headers:
        if name.lower() in ("authorization", "proxy-authorization", "cookie"):
            raise refuse(
                f"headers 中有 {name} · headers carries {name}",
                remedy="凭据写在连接 CASEHUB_CONNECTION_<NAME> 里，不写进契约 · "
                "credentials belong to the connection, CASEHUB_CONNECTION_<NAME>, never to a contract",
            )


class SoapPages(Strict):
    """Page numbers in the body of a SOAP request."""

    style: Literal["none", "page"] = "page"
    size: Annotated[Positive, Field(le=50_000)] = 100
    first_page: Whole = 1
    total: Text | None = Field(None, description="XPath to the number of rows in all.")


class SoapConnector(_Connector):
    """A SOAP service: a body with {page}, {size} and {since}, rows by XPath."""

    kind: Literal["soap"]
    path: RootedPath
    action: StrictStr = ""
    body: Text
    items: Text = Field(description="XPath to the elements that are rows.")
    namespaces: dict[Text, Text] = {}
    headers: dict[StrictStr, StrictStr] = {}
    auth: Auth = "none"
    api_key_header: Text = "X-API-Key"
    pages: SoapPages = SoapPages()

    @model_validator(mode="after")
    def _body_names_page(self) -> SoapConnector:
        _refuse_credentials(self.headers)
        if self.pages.style == "page" and "{page}" not in self.body:
            raise refuse(
                "body 中没有 {page} · body has no {page}",
                remedy="在页码的位置写 {page}，或写 pages: {style: none} · "
                "put {page} where the page number goes, or say pages: {style: none}",
            )
        return self


class CsvOptions(Strict):
    """How a CSV file is written."""

    delimiter: Annotated[StrictStr, Field(min_length=1, max_length=1)] = ","
    quote: Annotated[StrictStr, Field(max_length=1)] = Field('"', description="Quote character; empty: nothing is quoted.")
    header: StrictBool = True
    columns: Annotated[tuple[Text, ...], AfterValidator(unique)] = Field((), description="Column names where the file has no header.")
    skip_rows: Whole = Field(0, description="Lines before the header.")

    @model_validator(mode="after")
    def _has_names(self) -> CsvOptions:
        if not self.header and not self.columns:
            raise refuse(
                "header: false 须有 columns · header: false needs columns", remedy="按顺序列出各列 · list the columns in their order"
            )
        return self


class XlsxOptions(Strict):
    """Which sheet of a workbook, and where its header is."""

    sheet: StrictStr | Whole = 0
    header_rows: Annotated[Positive, Field(le=5)] = Field(1, description="Header lines; merged cells are filled and the lines joined by _.")
    skip_rows: Whole = Field(0, description="Lines above the header.")
    expect_header: tuple[Text, ...] = Field((), description="Column names that the header must begin with, in this order.")


class XmlOptions(Strict):
    """Which elements of a document are rows."""

    record: Text = Field(description="XPath to the elements that are rows.")
    namespaces: dict[Text, Text] = {}


class FixedColumn(Strict):
    """One column of a fixed-width file."""

    name: Text
    width: Positive = Field(description="Width in bytes of the file's encoding.")


class FixedWidthOptions(Strict):
    """Columns by width in bytes."""

    columns: Annotated[tuple[FixedColumn, ...], Field(min_length=1)]
    skip_rows: Whole = 0
    trailer: Pattern | None = Field(
        None, description="Regular expression of the last line; its first group, if any, is the number of rows."
    )

    @model_validator(mode="after")
    def _unique(self) -> FixedWidthOptions:
        unique(tuple(column.name for column in self.columns))
        return self


class JsonOptions(Strict):
    """Where the rows of a JSON file are."""

    items: Text = "@"


class FileConnector(_Connector):
    """Files in a folder, over SFTP or in an S3 bucket."""

    kind: Literal["file"]
    path: RelativePath = Field(description="Path below the connection's root; * and ? as in a shell.")
    format: Literal["csv", "jsonl", "json", "xlsx", "xml", "fixed_width"]
    encoding: Encoding = "utf-8"
    compression: Literal["none", "zip", "gzip", "auto"] = "auto"
    member: Text | None = Field(None, description="Which files in a zip, as in a shell; all of them if left out.")
    csv: CsvOptions = CsvOptions()
    xlsx: XlsxOptions = XlsxOptions()
    xml: XmlOptions | None = None
    fixed_width: FixedWidthOptions | None = None
    json_: JsonOptions = Field(JsonOptions(), alias="json")

    @model_validator(mode="after")
    def _fits_format(self) -> FileConnector:
        for name in ("csv", "xlsx", "xml", "fixed_width", "json"):
            field = "json_" if name == "json" else name
            if field in self.model_fields_set and name != self.format:
                raise refuse(
                    f"有 {name} 的选项，而 format 是 {self.format} · has options for {name}, but format is {self.format}",
                    remedy=f"去掉 {name}:，或更正 format · remove {name}: or correct format",
                )
        if self.format in ("xml", "fixed_width") and getattr(self, self.format) is None:
            raise refuse(
                f"format 为 {self.format} 时须有 {self.format}: · format {self.format} needs {self.format}:",
                remedy="说明其行或列在哪里 · say where its rows or columns are",
            )
        self._check_encoding()
        return self

    def _check_encoding(self) -> None:
        if self.format in ("xml", "xlsx") and "encoding" in self.model_fields_set:
            raise refuse(
                f"有 encoding，而 {self.format} 自带编码 · has an encoding, but {self.format} says its own",
                remedy="去掉 encoding: · remove encoding:",
            )
        # Lines are cut at the byte 0A, which in these is half of a character.
        if self.format in ("jsonl", "fixed_width") and len("\n\n".encode(self.encoding)) - len("\n".encode(self.encoding)) > 1:
            raise refuse(
                f"{self.format} 不能用 {self.encoding} 读取 · {self.format} cannot be read in {self.encoding}",
                remedy="请对方改用 utf-8 或 gb18030 · have it sent in utf-8 or gb18030",
            )


class EventId(Strict):
    """Where an event's own id is."""

    path: Text


class InboxConnector(_Connector):
    """Events that the source pushes, signed, into the hub's inbox."""

    kind: Literal["inbox"]
    signature_header: Text = "X-Signature-256"
    event_id: EventId
    items: Text | None = Field(None, description="JMESPath to the rows in an event; the whole event is one row if left out.")


Connector = Annotated[SqlConnector | RestConnector | SoapConnector | FileConnector | InboxConnector, Field(discriminator="kind")]
