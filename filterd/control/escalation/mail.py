"""An alarm as a mail, and how it is handed to the operator's server.

Invariants: a mail says number, ground, clock and where to look, and nothing else of the order; its Message-ID is that
of the notice, so that a second copy is known; over a network nothing goes without TLS (filterd.config.cross_checks).
Source: RFC 5322; RFC 3834 §5 (Auto-Submitted); RFC 3207 (STARTTLS).
"""

import smtplib
import ssl
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime

from filterd.config.orders import MailServer
from filterd.control.escalation.failed import DeliveryFailure
from mgmt.orders.deadlines.alarms import AlarmMessage

TIMEOUT_S = 20.0  # of each step; the job as a whole ends earlier (filterd.control.escalation.watch)
BY = {
    "letter": "as its letter states",
    "setting": "as the settings of this box say",
    "canary": "when it was taken off the gateway that tried it",
    "review": "by the day that its letter or the settings name",
}


def mail_of(said: AlarmMessage, to: str, sender: str, key: str, at: datetime) -> EmailMessage:
    """The mail.   key  of the notice;   at  of its date (aware)"""
    mail = EmailMessage()
    mail["Subject"] = f"filterd: order {said.order}: {passed(said.alarm)}"
    mail["From"], mail["To"] = sender, to
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{key}@{sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n".join(_lines(said)) + "\n")
    return mail


def passed(alarm: str) -> str:
    """What an alarm says."""
    if alarm == "review":
        return "in force, and to be looked at again: is it still needed?"
    if alarm == "rolled_back":
        return "rolled back: it has blocked too much on the gateway that tried it"
    return "overdue, and not confirmed" if alarm == "overdue" else f"{alarm} % of its time has passed, not confirmed"


def send(server: MailServer, mail: EmailMessage) -> None:
    """Hand it over.   Raises DeliveryFailure"""
    host, _, port = (server.server or "").rpartition(":")
    try:
        context = ssl.create_default_context(cafile=server.ca)
        with _connected(server.security, host.strip("[]"), int(port), context) as client:
            if server.security == "starttls":
                client.starttls(context=context)
            if server.user is not None and server.password is not None:
                client.login(server.user, server.password.read_text().strip())
            client.send_message(mail)
    except smtplib.SMTPResponseException as reason:
        raise DeliveryFailure(f"{server.server}: it answered {reason.smtp_code}") from reason
    except smtplib.SMTPRecipientsRefused as reason:
        raise DeliveryFailure(f"{server.server}: it takes no mail for this address") from reason
    except UnicodeError as reason:
        raise DeliveryFailure(f"{server.server}: its user or password is not ASCII; write others") from reason
    except (smtplib.SMTPException, OSError) as reason:
        raise DeliveryFailure(f"{server.server}: {_why(reason)}") from reason


def _connected(security: str, host: str, port: int, context: ssl.SSLContext) -> smtplib.SMTP:
    if security == "tls":
        return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_S, context=context)
    return smtplib.SMTP(host, port, timeout=TIMEOUT_S)


def _why(reason: Exception) -> str:
    words = reason.strerror if isinstance(reason, OSError) and not isinstance(reason, ssl.SSLError) else None
    return words or (str(reason) or type(reason).__name__)[:200]


def _lines(said: AlarmMessage) -> list[str]:
    lines = [
        f"Order {said.order}: {passed(said.alarm)}.",
        "",
        f"ground    {said.ground or 'see the desk'}",
        f"received  {said.received}",
        f"{'ended' if said.due_by == 'canary' else 'due':<10}{said.due}, {BY[said.due_by]}",
        "",
        f"On the box: filterd orders show {said.order}",
    ]
    return [*lines, *([f"At the desk: {said.link}"] if said.link else [])]
