"""How a contract says that requests are signed: nothing, an API key, a name and password, a token, OAuth2 client credentials."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from connectors.connections import Connection, variable
from connectors.connector import RestConnector, SoapConnector
from hub.errors import SettingsError, SourceFormatError, SourceRefused

Post = Callable[[str, Mapping[str, str], bytes], httpx.Response]


class Signer:
    """Headers that every request carries; the plain one never changes."""

    def __init__(self, headers: Mapping[str, str] | None = None) -> None:
        self._headers = dict(headers or {})

    def headers(self) -> Mapping[str, str]:
        """What the next request carries."""
        return self._headers

    def renew(self) -> bool:
        """After a 401: whether there is something new to try it with."""
        return False


class ClientCredentials(Signer):
    """OAuth2 client credentials: a token when first needed, a fresh one when it runs out or is refused."""

    def __init__(self, connection: Connection, department: str, post: Post) -> None:
        from authlib.oauth2.client import OAuth2Client  # sources without OAuth2 do not pay for it

        super().__init__()
        self._token_url, client_id, client_secret = connection.need("token_url", "client_id", "client_secret")
        self._department = department
        self._client = OAuth2Client(_Session(post), client_id, client_secret, scope=connection.options.get("scope"))

    def headers(self) -> Mapping[str, str]:
        """The bearer token, fetched first if there is none or it is about to run out."""
        if not self._client.token or self._client.token.is_expired(leeway=30):
            self.renew()
        return {"Authorization": f"Bearer {self._client.token['access_token']}"}

    def renew(self) -> bool:
        """Fetch a token.

        Raises:
            SourceRefused: the credentials are no good.
            SourceFormatError: what came is no token.
        """
        from authlib.oauth2 import OAuth2Error

        try:
            self._client.fetch_token(self._token_url, grant_type="client_credentials")
            is_token = isinstance(self._client.token.get("access_token"), str)
        except OAuth2Error as error:
            raise SourceRefused(
                f"{self._department}: 此客户端凭据换不到令牌（{error.error}） · no token for these client credentials ({error.error})",
                remedy="核对连接中的 client_id 和 client_secret · check client_id and client_secret in the connection",
                department=self._department,
            ) from None
        except (ValueError, TypeError, KeyError, AttributeError, httpx.HTTPStatusError):
            is_token = False
        if not is_token:
            raise SourceFormatError(
                f"{self._department}: 令牌接口的应答不是令牌 · the token endpoint's answer is no token",
                remedy="核对连接中的 token_url · check token_url in the connection",
                department=self._department,
            )
        return True


class _Session:
    """What Authlib posts its token request through."""

    def __init__(self, post: Post) -> None:
        self._post = post

    def post(self, url: str, data: Mapping[str, str], headers: Mapping[str, str], auth: Any) -> httpx.Response:
        """Post a form, signed as the client."""
        form = str(httpx.QueryParams(dict(data)))
        target, signed, form = auth.prepare("POST", url, dict(headers), form)
        return self._post(target, signed, form.encode("ascii"))


def signer(connector: RestConnector | SoapConnector, connection: Connection, department: str, post: Post) -> Signer:
    """What signs the requests of a contract, with the connection's credentials.

    Raises:
        SettingsError: the connection lacks what this needs.
    """
    if connector.auth == "api_key":
        return Signer({connector.api_key_header: _in_header(connection, "api_key")})
    if connector.auth == "basic":
        pair = ":".join(connection.need("username", "password"))
        return Signer({"Authorization": f"Basic {base64.b64encode(pair.encode()).decode('ascii')}"})
    if connector.auth == "bearer":
        return Signer({"Authorization": f"Bearer {_in_header(connection, 'token')}"})
    if connector.auth == "oauth2_client_credentials":
        return ClientCredentials(connection, department, post)
    return Signer()


def _in_header(connection: Connection, name: str) -> str:
    """An option that goes into a header as it is."""
    (value,) = connection.need(name)
    if not (value.isascii() and value.isprintable()):
        raise SettingsError(
            f"{variable(connection.name)}: {name} 含有请求头不能携带的字符 · {name} holds a character that no header can carry",
            remedy="重新复制：只用 ASCII 字母、数字和符号，不含换行 · copy it anew: letters, figures and marks of ASCII, and no line end",
            setting=variable(connection.name),
        )
    return value
