"""How a campaign names a file: a path, a URL, or a reference to an environment variable that holds either.

What a campaign names is stored with it, in the ledger and in Prefect's parameters, and is shown in reports. So a
URL that is itself a key, because a password or a signature stands in it, must not be named there;
`${ROLLCALL_CONTACTS_URL}` is, and stands for it until the very moment in which the file is opened.
"""

import re
from collections.abc import Iterator
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from pydantic import AfterValidator

REFERENCE = re.compile(r"\$\{([^{}]*)\}")
"""`${NAME}`, anywhere in a path or URL."""

_NAME = re.compile(r"ROLLCALL_[A-Z0-9_]+")
_CREDENTIAL = re.compile(r"\w*(?:_KEY|_SECRET|_LOGIN|_PASSWORD|_DATABASE_URL)")
"""The names under which this program gets its own credentials. Whoever may write a campaign file may not have
them, and could let `https://elsewhere.example/?${...}` carry them away."""

_KEYS = frozenset(
    {
        # Amazon S3, signature versions 4 and 2 (docs.aws.amazon.com:
        # .../AmazonS3/latest/API/sigv4-query-string-auth.html,
        # .../AmazonS3/latest/userguide/RESTAuthentication.html), and CloudFront's signed URLs
        "x-amz-signature",
        "x-amz-credential",
        "x-amz-security-token",
        "awsaccesskeyid",
        "signature",
        "key-pair-id",
        # Google Cloud Storage, versions 4 and 2: cloud.google.com/storage/docs/authentication/signatures
        "x-goog-signature",
        "x-goog-credential",
        "googleaccessid",
        # Azure, shared access signatures: learn.microsoft.com/rest/api/storageservices/create-service-sas
        "sig",
        # Alibaba Cloud OSS, versions 4 and 1: alibabacloud.com/help/en/oss/
        # developer-reference/add-signatures-to-urls
        "x-oss-signature",
        "x-oss-credential",
        "x-oss-security-token",
        "ossaccesskeyid",
        "security-token",
        # Links that open a file for whoever has them: OneDrive (`authkey`), Dropbox (`rlkey`)
        "authkey",
        "rlkey",
        # RFC 6750 (2.3) and what services call theirs
        "access_token",
        "api_key",
        "api-key",
        "apikey",
        "auth",
        "authorization",
        "auth_token",
        "key",
        "passwd",
        "password",
        "private_token",  # GitLab
        "pwd",
        "sas",
        "secret",
        "token",
    }
)
"""Query parameters, in small letters, that let whoever has the URL read the file."""

_SCHEMES_WITHOUT_PASSWORDS = frozenset({"github"})
"""fsspec's `github://organisation:repository@branch/path` only looks like one."""


def check_file_reference(text: str) -> str:
    """Refuse what must not be stored.

    Args:
        text: A path, a URL that fsspec opens (also a chained one), or either with `${ROLLCALL_...}` in it.

    Returns:
        The same text.

    Raises:
        ValueError: It holds a password or a signature, or refers to a variable that it may not; the message tells
            the remedy, and not the text.
    """
    for name in REFERENCE.findall(text):
        if not _NAME.fullmatch(name):
            raise ValueError(f"${{{name}}}: of environment variables, only those named ROLLCALL_... are read here")
        if _CREDENTIAL.fullmatch(name):
            raise ValueError(f"${{{name}}}: this name is one of credentials, which no file's address may hold")
    if found := next(_secrets_in(text), None):
        raise ValueError(
            f"the URL holds {found}, and would be stored with the campaign; put the URL into an environment "
            "variable, for example ROLLCALL_CONTACTS_URL, and write ${ROLLCALL_CONTACTS_URL} here"
        )
    return text


def _secrets_in(text: str) -> Iterator[str]:
    for link in text.split("::"):  # fsspec's chains: zip://list.csv::https://...
        if "://" not in link:
            continue
        scheme = link.partition("://")[0].lower()
        try:
            parts = urlsplit(link)
        except ValueError:
            continue  # no URL; opening it says so
        user, has_user, _ = parts.netloc.rpartition("@")
        is_web = scheme in {"http", "https"}  # where the user alone is often a token
        has_password = ":" in user and scheme not in _SCHEMES_WITHOUT_PASSWORDS
        if has_user and (is_web or has_password) and not _is_reference(user.rpartition(":")[2]):
            yield "a password" if has_password else "a user"
        for given in (parts.query, parts.fragment):
            for name, value in parse_qsl(given.replace(";", "&"), keep_blank_values=False):
                if name.lower() in _KEYS and not _is_reference(value):
                    yield f"a key (`{name}=`)"


def _is_reference(text: str) -> bool:
    return bool(REFERENCE.fullmatch(text))


FileReference = Annotated[str, AfterValidator(check_file_reference)]
"""The name of a file, as it may be stored."""
