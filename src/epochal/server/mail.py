"""Sending a mail by the SMTP server that an admin named."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Final

from epochal.domain.alert import MailSettings
from epochal.errors import Unavailable

SECONDS: Final = 15.0
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
        with _connect(settings) as server:
            if settings.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if settings.user:
                server.login(settings.user, settings.password or "")
            server.send_message(message)
    except (OSError, smtplib.SMTPException, UnicodeError) as error:
        where = f"{settings.host}:{settings.port}"
        raise Unavailable(f"{where} did not take the mail: {error}") from None


def _connect(settings: MailSettings) -> smtplib.SMTP:
    if settings.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(settings.host, settings.port, timeout=SECONDS, context=context)
    return smtplib.SMTP(settings.host, settings.port, timeout=SECONDS)
