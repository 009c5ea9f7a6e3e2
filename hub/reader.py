"""The role that departments' logins are members of, and whether the store lets it read what the API asks for.

Roles belong to the server, not to a database: a dump holds none. Where the role was not there when a store was restored, the grants and
policies that name it were left out; row security then shows nothing, or every call is refused.
"""

from __future__ import annotations

from sqlalchemy import Connection, text

from hub.errors import SchemaError

READER = "casehub_reader"
#: How many schemas and relations it may read, functions it may call, and policies of row security that are for it, as migrations make them.
RIGHTS = {"grants": 47, "policies": 10}
_FOUND = """
SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = :reader) AS is_there,
       (SELECT rolsuper OR rolcreaterole FROM pg_roles WHERE rolname = current_user)
           AND EXISTS (SELECT FROM pg_roles r WHERE r.rolname = :reader AND pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION')) AS may_give,
       (SELECT count(*) FROM pg_policies WHERE :reader = ANY (roles)) AS policies,
       (SELECT count(*) FROM (
            SELECT nspacl AS acl FROM pg_namespace WHERE nspname IN ('store', 'ops')
            UNION ALL SELECT relacl FROM pg_class WHERE relnamespace::regnamespace::text IN ('store', 'ops')
            UNION ALL SELECT proacl FROM pg_proc WHERE pronamespace::regnamespace::text IN ('store', 'ops')
        ) held WHERE EXISTS (SELECT FROM aclexplode(held.acl) a JOIN pg_roles r ON r.oid = a.grantee WHERE r.rolname = :reader)) AS grants
"""


def require_reader(connection: Connection) -> None:
    """Refuse a store on which no department's login can be made, or could read.

    Raises:
        SchemaError: names what to run.
    """
    found = connection.execute(text(_FOUND), {"reader": READER}).one()
    if found.grants < RIGHTS["grants"] or found.policies < RIGHTS["policies"]:
        made = "" if found.is_there else f'`psql -d casehub -c "CREATE ROLE {READER} NOLOGIN"`; '
        raise SchemaError(
            f"数据库缺少角色 {READER} 或其权限，可能恢复时没有此角色 · "
            f"the role {READER} or its rights are missing: it was not there, perhaps, when the store was restored",
            remedy="由库所有者执行 · as the database's owner: "
            f"{made}`pg_restore -l casehub.dump | grep -E ' ACL |POLICY .* department ' > rights.list`; "
            "`pg_restore -d casehub --no-owner -L rights.list casehub.dump` (docs/operations.md)",
        )
    if not found.may_give:
        raise SchemaError(
            f"库所有者不能新建各部门的登录 · the database's owner cannot make the departments' logins: CREATEROLE, or {READER} to give",
            remedy="由数据库管理员执行 · as the server's administrator, for the login of CASEHUB_DATABASE_URL: "
            f'`psql -c "ALTER ROLE casehub CREATEROLE" -c "GRANT {READER} TO casehub WITH ADMIN OPTION"`',
        )
