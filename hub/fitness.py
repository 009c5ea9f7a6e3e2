"""Whether a database of one's own is one that the hub can work on: asked before anything is put into it."""

from __future__ import annotations

from sqlalchemy import Connection, text

from hub.errors import SettingsError
from hub.reader import READER
from hub.wording import Words

NEEDS = 18  # PostgreSQL's version
_ASKED = """
SELECT quote_ident(current_user) AS login, quote_ident(current_database()) AS database,
       current_setting('server_version_num')::integer / 10000 AS version,
       pg_encoding_to_char(encoding) AS encoding, has_database_privilege(current_database(), 'CREATE') AS may_make,
       (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user) AS makes_roles
FROM pg_database WHERE datname = current_database()
"""
# Words of Chinese are letters, or trigrams of them are empty and searches find nothing.
_HAS_LETTERS = "SELECT chr(27424) ~ '[[:alpha:]]'"
_DATABASE = (
    "CREATE DATABASE {database} OWNER {login} TEMPLATE template0 ENCODING 'UTF8' "
    "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C' LC_CTYPE 'C.UTF-8'"
)


def require_fit(connection: Connection) -> None:
    """Refuse a database that lacks what the hub needs.

    Raises:
        SettingsError: says what, and the statement that gives it.
    """
    found = connection.execute(text(_ASKED)).one()
    names = {"login": found.login, "database": found.database}
    if found.version < NEEDS:
        raise _unfit(
            Words(f"服务器是 PostgreSQL {found.version}，需要 {NEEDS}", f"the server is PostgreSQL {found.version}, {NEEDS} is needed"),
            Words(f"改用 PostgreSQL {NEEDS} 的服务器", f"use a server of PostgreSQL {NEEDS}"),
        )
    if found.encoding != "UTF8" or not connection.execute(text(_HAS_LETTERS)).scalar_one():
        raise _unfit(
            Words(
                f"数据库 {found.database} 的编码或区域设置不支持中文检索",
                f"Chinese cannot be searched in the encoding or locale of the database {found.database}",
            ),
            Words(f"由数据库管理员新建 {_DATABASE.format(**names)}", "made anew so, by the server's administrator, it can"),
        )
    if not found.may_make:
        raise _unfit(
            Words(f"{found.login} 不是数据库 {found.database} 的所有者", f"{found.login} does not own the database {found.database}"),
            Words("由数据库管理员执行", f"by the server's administrator: ALTER DATABASE {found.database} OWNER TO {found.login}"),
        )
    if not found.makes_roles:
        raise _unfit(
            Words(
                f"{found.login} 不能新建登录，而每个部门各用一个登录（{READER} 的成员）",
                f"{found.login} may make no logins, of which each department has one, a member of {READER}",
            ),
            Words("由数据库管理员执行", f"by the server's administrator: ALTER ROLE {found.login} CREATEROLE"),
        )


def _unfit(why: Words, remedy: Words) -> SettingsError:
    return SettingsError(str(why), remedy=str(remedy), setting="CASEHUB_DATABASE_URL")
