"""Calls and statements that take a secret by its place."""

from __future__ import annotations

import re

__all__ = ["CALL", "CONNECT", "LOGON", "PLACES", "SQL", "TARGETS"]

# By function the argument that is a secret; where none is said, all behind the first may be.
PLACES = {
    **dict.fromkeys(
        (
            "AzureKeyCredential Fernet SecretBytes SecretStr check_password "
            "generate_password_hash hmac.new hmac.digest make_password notebook_login "
            "set_password"
        ).split(),
        0,
    ),
    **dict.fromkeys(
        (
            "Credentials credentials cx_Oracle.connect jwt.decode jwt.encode oracledb.connect"
        ).split(),
        1,
    ),
    **dict.fromkeys(
        (
            "FTP FTP_TLS MySQLdb.connect PDO URL.create getConnection keyring.set_password "
            "mariadb.connect mysql.connector.connect mysql_connect mysqli mysqli_connect "
            "pymssql.connect pymysql.connect"
        ).split(),
        2,
    ),
}
CALL = re.compile(
    r"(?<!\w)(?P<call>HTTP(?:Basic|Digest|Proxy)Auth|BasicAuth|UsernamePassword\w{0,20}|authenticate|basic_auth|create_(?:super)?user|login"
    rf"|{'|'.join(map(re.escape, sorted(PLACES, reverse=True)))})\("
)
# A user, a host or a name of both before the password in a call that opens a connection.
CONNECT = re.compile(
    r"""(?<!\w)connect\((?:["'](?:localhost|\d{1,3}(?:\.\d{1,3}){3}"""
    r"""|[\w.-]{1,80}\.(?:com|internal|local|net|org))["'][ \t]{0,8},[ \t]{0,8}["'][\w.@-]{1,60}"""
    r"""|[^(),]{1,100},[ \t]{0,8}(?:\d{1,5}[ \t]{0,8},[ \t]{0,8}["'][^"',()]{1,60}"""
    r"""|["'](?:admin|administrator|postgres|root|sa|scott|sys|system|user|username)))"""
    r"""["'][ \t]{0,8},[ \t]{0,8}(?=["'])"""
)
LOGON = re.compile(
    r"""(?i)(?<![\w.-])(?:\w{1,40}\.)?conn(?:ect)?(?:[ \t]{1,8}|\([ \t]{0,8}["'])"""
    r"""[\w$-]{1,60}/(?P<value>[^\s/@"']{1,100})@"""
)
SQL = re.compile(
    r"(?i:(?<![\w.-])(?:identified[ \t]{1,8}(?:with[ \t]{1,8}[\w\"'`]{1,60}[ \t]{1,8})?(?:by|as)|password)[ \t]{1,8}(?='))"  # noqa: E501
    r"|(?<![\w.-])(?:SECRET|TOKEN|KEY)[ \t]{1,8}(?=')"
)
# Names, and as many values for them.
TARGETS = re.compile(
    r"""(?:^(?:>>>|[-+]?)|(?<=[;{"])|(?<=\()(?=[\w ,.]+\)[ \t]{0,8}values)|:(?=[ \t]))[ \t]{0,99}"""
    r"""(?:(?:const|let|my|local|var)[ \t]{1,8})?(?:[(\[][ \t]{0,8})?"""
    r"""(?P<names>[$\w.]+(?:\[["']?[\w.-]{1,60}["']?\])?(?:[ \t]{0,8},[ \t]{0,8}"""
    r"""[$\w.]+(?:\[["']?[\w.-]{1,60}["']?\])?)+)[ \t]{0,8}[)\]]?"""
    r"""[ \t]{0,16}(?:=(?!=)|:=|<-|values)[ \t]{0,16}(?P<open>[(\[]?)""",
    re.IGNORECASE,
)
