"""Sending a mail by the SMTP server that an admin named."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Final

from epochal.domain.alert import MailSettings
from epochal.errors import Unavailable
from epochal.server.deadline import cut_after

SECONDS: Final = 15.0
WHOLE_SECONDS: Final = 45.0
_SUBJECT: Final = 150


def send(settings: MailSettings, to: str, title: str, text: str) -> None:
    """Hand a mail to the server.

    Args:
        settings: which server, and who sends.
        to: one address.
        title: the subject; line ends become spaces.
        text: what it says.

    Raises:
        Unavailable: no server is named, or it did not take the mail.
    """
    if not settings.host:
        raise Unavailable("no mail server is named any more; see epochal alert mail")
    message = EmailMessage()
    message["From"], message["To"] = settings.sender, to
    message["Subject"] = " ".join(title.split())[:_SUBJECT]
    message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain="epochal.invalid")
    message.set_content(text)
    try:
        reached: list[smtplib.SMTP] = []
        with (
            cut_after(WHOLE_SECONDS, lambda: reached[0].sock if reached else None),
            _connect(settings, reached) as server,
        ):
            if settings.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if settings.user:
                server.login(settings.user, settings.password or "")
            server.send_message(message)
    except (OSError, smtplib.SMTPException, UnicodeError) as error:
        where = f"{settings.host}:{settings.port}"
        raise Unavailable(f"{where} did not take the mail: {_said(error)}") from None


def _said(error: Exception) -> str:
    """What the server answered, as it said it."""
    answers: list[tuple[int, bytes | str]] = []
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        answers = list(error.recipients.values())
    elif isinstance(error, smtplib.SMTPResponseException):
        answers = [(error.smtp_code, error.smtp_error)]
    texts = [_answer(code, said) for code, said in answers]
    return "; ".join(texts) or str(error) or type(error).__name__


def _answer(code: int, said: bytes | str) -> str:
    return f"{code} {said.decode('utf-8', 'replace') if isinstance(said, bytes) else said}"


class _Plain(smtplib.SMTP):
    """A connection that can be reached while it is made."""

    def __init__(self, settings: MailSettings, reached: list[smtplib.SMTP]) -> None:
        reached.append(self)
        super().__init__(settings.host, settings.port, timeout=SECONDS)


class _Tls(smtplib.SMTP_SSL):
    def __init__(self, settings: MailSettings, reached: list[smtplib.SMTP]) -> None:
        reached.append(self)
        context = ssl.create_default_context()
        super().__init__(settings.host, settings.port, timeout=SECONDS, context=context)


def _connect(settings: MailSettings, reached: list[smtplib.SMTP]) -> smtplib.SMTP:
    return (_Tls if settings.security == "tls" else _Plain)(settings, reached)
