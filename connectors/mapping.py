"""The `record:`, `parties:` and `references:` parts of a contract: which column fills which canonical field, and how."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, StrictStr, model_validator

from connectors.connector import Pattern
from connectors.model import Duration, Name, Scalar, Strict, Text, as_tuple, refuse
from connectors.paths import head, top_level_names
from connectors.words import PARTY_FIELDS, SHIFTED_COORDINATES, TIME_TRANSFORMS, Role, Transform

Columns = Annotated[tuple[Text, ...], BeforeValidator(as_tuple), Field(min_length=1)]


class Mapping(Strict):
    """A canonical field's value: from columns, from a path into the row, or a constant; through a transform or a code list."""

    from_: Columns | None = Field(None, alias="from", description="One column, or several that are joined.")
    path: Text | None = Field(None, description="JMESPath into the row, where it is nested.")
    const: Scalar | None = None
    as_: Transform | None = Field(None, alias="as", description="Transform; text if neither this nor codes is given.")
    codes: Name | None = Field(None, description="Code list that turns the source's values into the hub's.")
    formats: tuple[Text, ...] = Field((), description="strptime formats beyond those that are always tried.")
    unit: Literal["CNY", "CNY_10k"] | None = None
    join: StrictStr | None = Field(None, description="What stands between joined columns.")
    with_: Text | None = Field(None, alias="with", description="The other coordinate's column.")
    classification: Literal["general", "personal", "sensitive"] | None = None
    retention: Duration | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Mapping:
        given = [name for name, value in (("from", self.from_), ("path", self.path), ("const", self.const)) if value is not None]
        if len(given) != 1:
            raise refuse(
                f"from、path、const 须有且仅有一个，现有 {'、'.join(given) or '0 个'} · "
                f"needs one of from, path, const; has {' and '.join(given) or 'none'}",
                allowed=("from", "path", "const"),
            )
        if self.codes is not None and self.as_ is not None:
            raise refuse(
                "同时有 as 和 codes · has both as and codes", remedy="代码表本身就是转换，去掉 as · a code list is the transform; remove as"
            )
        if self.const is not None and (self.as_ or self.codes):
            raise refuse(
                "常量不能有 as 或 codes · a constant takes neither as nor codes", remedy="直接写平台的值 · write the hub's own value"
            )
        return self

    @model_validator(mode="after")
    def _arguments_fit(self) -> Mapping:
        if self.formats and self.as_ not in TIME_TRANSFORMS:
            raise refuse(
                "formats 仅适用于时间 · formats is for times alone",
                remedy="与 as: datetime 或 as: date 一起使用 · use it with as: datetime or as: date",
            )
        if self.unit and self.as_ != "money":
            raise refuse("unit 仅适用于金额 · unit is for money alone", remedy="与 as: money 一起使用 · use it with as: money")
        if self.join is not None and (self.from_ is None or len(self.from_) < 2):
            raise refuse("join 须有多列 · join needs several columns", remedy="写作 from: [a, b] · write from: [a, b]")
        if (self.as_ in SHIFTED_COORDINATES) != (self.with_ is not None):
            raise refuse(
                "with 是 GCJ-02 坐标的另一半 · with is the other coordinate of a GCJ-02 pair",
                remedy="as: gcj02_longitude 须有 with: <纬度列>，其他不得有 · "
                "as: gcj02_longitude needs with: <latitude column>, and only such do",
            )
        return self

    @property
    def transform(self) -> Transform | None:
        """The transform that applies: `as`, else text; None where a code list or a constant gives the value."""
        if self.as_ is not None:
            return self.as_
        return None if self.codes is not None or self.const is not None else "text"

    def columns(self) -> set[str]:
        """Top-level columns of the row that it reads."""
        if self.path is not None:
            return set(top_level_names(self.path))
        return {*(self.from_ or ()), *((self.with_,) if self.with_ else ())}


class Condition(Strict):
    """True of a row whose column has one of the values."""

    field: Text
    in_: Annotated[tuple[Scalar, ...], Field(min_length=1)] = Field(alias="in")


class Deleted(Strict):
    """How a source flags a row that it has deleted."""

    field: Text | None = None
    path: Text | None = Field(None, description="JMESPath into the row.")
    in_: Annotated[tuple[Scalar, ...], Field(min_length=1)] = Field((True, 1, "1", "true", "Y"), alias="in")

    @model_validator(mode="after")
    def _one_of_two(self) -> Deleted:
        if (self.field is None) == (self.path is None):
            raise refuse("须有 field 或 path 之一 · needs either field or path", remedy="两者写其一 · give one of the two")
        return self


class Split(Strict):
    """One party a piece of a column."""

    from_: Text = Field(alias="from")
    sep: Text


class Each(Strict):
    """One party an element of a list in the row, or a piece of a column (available as `_`)."""

    path: Text | None = Field(None, description="JMESPath to the list.")
    split: Split | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Each:
        if (self.path is None) == (self.split is None):
            raise refuse("须有 path 或 split 之一 · needs either path or split", remedy="两者写其一 · give one of the two")
        return self


class Party(Strict):
    """A person or organisation that a record mentions."""

    role: Role
    kind: Literal["person", "organisation", "auto"] | None = Field(None, description="Derived from the mapped fields if left out.")
    each: Each | None = None
    when: Condition | None = None
    name: Mapping | None = None
    id_type: Mapping | None = None
    id_no: Mapping | None = None
    uscc: Mapping | None = None
    phone: Mapping | None = None
    address: Mapping | None = None
    gender: Mapping | None = None
    birth_date: Mapping | None = None

    @model_validator(mode="after")
    def _says_who(self) -> Party:
        if not any((self.name, self.id_no, self.uscc, self.phone)):
            raise refuse(
                "name、id_no、uscc、phone 均未映射 · maps none of name, id_no, uscc, phone",
                remedy="至少映射一项，或去掉此当事人 · map at least one, or leave the party out",
            )
        return self

    @model_validator(mode="after")
    def _shared_number_can_be_told_apart(self) -> Party:
        if self.id_no is None or self.uscc is None or not self.shares_number:
            return self
        if self.kind not in (None, "auto"):
            raise refuse(
                "id_no 与 uscc 读取同一列，又写了 kind · id_no and uscc read the same column, but kind is given",
                remedy="写 kind: auto，或只映射其一 · write kind: auto, or map one of the two",
            )
        if (self.id_no.as_, self.uscc.as_) != ("id_no", "uscc"):
            raise refuse(
                "id_no 与 uscc 读取同一列 · id_no and uscc read the same column",
                remedy="分别写 as: id_no 和 as: uscc，由它们区分 · give them as: id_no and as: uscc, which tell the values apart",
            )
        return self

    @property
    def shares_number(self) -> bool:
        """Whether one column holds either a person's number or an organisation's code: id_no and uscc both read it."""
        if self.id_no is None or self.uscc is None:
            return False
        return (self.id_no.from_, self.id_no.path) == (self.uscc.from_, self.uscc.path) != (None, None)

    @property
    def fields(self) -> dict[str, Mapping]:
        """Mapped fields by name, in the order of schema.records.PARTY."""
        return {name: getattr(self, name) for name in PARTY_FIELDS if getattr(self, name) is not None}

    def columns(self) -> set[str]:
        """Top-level columns of the row that it reads; what it reads of the elements of a list are none."""
        if self.each is not None and self.each.path is not None:
            return set(top_level_names(self.each.path))
        names = {column for mapping in self.fields.values() for column in mapping.columns()} - {"_"}
        if self.each is not None and self.each.split is not None:
            names.add(self.each.split.from_)
        return names | ({head(self.when.field)} if self.when else set())

    @property
    def kind_given(self) -> Literal["person", "organisation", "auto"]:
        """The kind as written, else auto where one column may name either, organisation for a firm's name or code, else person."""
        if self.kind is not None:
            return self.kind
        names_firm = self.name is not None and self.name.as_ == "org_name"
        if self.shares_number or (self.name is not None and self.name.as_ == "party_name"):
            return "auto"
        return "organisation" if names_firm or (self.uscc is not None and self.id_no is None) else "person"


class Reference(Strict):
    """A column that cites another department's number."""

    from_: Text | None = Field(None, alias="from")
    path: Text | None = None
    to: Name
    find: Pattern | None = Field(None, description="Regular expression for numbers within a text; its first group, if any, is the number.")

    @model_validator(mode="after")
    def _one_of_two(self) -> Reference:
        if (self.from_ is None) == (self.path is None):
            raise refuse("须有 from 或 path 之一 · needs either from or path", remedy="两者写其一 · give one of the two")
        return self
