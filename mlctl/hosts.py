"""Checks of server URLs: whether they are valid, and whether the server is this machine."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

_VISIBLE = re.compile(r"[\x21-\x7e]+")


def server_url(text: str) -> SplitResult:
    """Split the URL of an HTTP server. Raises ValueError with the reason if it is invalid.

    Programs parse unusual URLs in different ways. Anything that one of them could read as another host is therefore
    invalid: a user name, a backslash, white space, and characters outside of ASCII.
    """
    if not _VISIBLE.fullmatch(text) or "\\" in text:
        raise ValueError("a URL has no white space, backslash or character outside of ASCII")
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https"):
        raise ValueError("a URL begins with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("the URL must not hold a user name or password")
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise ValueError("the URL of a server has no query and no fragment")
    try:
        usable = parts.hostname is not None and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ValueError("the URL needs a host, and a port from 1 to 65535 if it names one")
    return parts


def is_loopback(host: str | None) -> bool:
    """Whether ``host`` always means this machine: 127.0.0.0/8, ::1, ``localhost`` and the names below it.

    https://www.rfc-editor.org/rfc/rfc6761#section-6.3. Only the usual form of an IPv4 address counts: ``127.1``,
    ``0x7f000001`` and ``2130706433`` are names here, because not every program parses them as addresses.
    """
    if not host or not host.isascii():
        return False
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            return False
        address = address.ipv4_mapped or address
    return address.is_loopback


def is_loopback_url(url: str) -> bool:
    """Whether the host of a URL is this machine; see ``is_loopback``."""
    try:
        return is_loopback(urlsplit(url).hostname)
    except ValueError:
        return False


def keeps_secrets(url: str) -> bool:
    """Whether a token can be sent to ``url`` safely: encrypted, or within this machine."""
    return url.lower().startswith("https://") or is_loopback_url(url)
