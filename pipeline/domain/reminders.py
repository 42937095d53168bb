"""Reminders: what a customer is told whose case waits for details, and an agent whose activity is due."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

DEFAULT = "en"


@dataclass(frozen=True, slots=True)
class Words:
    """The reminder of a waiting case in one language, `closing` where the case is resolved when nobody answers."""

    subject: str
    text: str
    closing: str
    goodbye: str


WORDS: Mapping[str, Words] = {
    "en": Words(
        "We are waiting for your answer",
        "To go on with your request we need some details from you. Please reply to this mail.",
        "Without an answer we close the request on {day}.",
        "This mail was sent automatically.",
    ),
    "de": Words(
        "Wir warten auf Ihre Antwort",
        "Damit wir weitermachen können, brauchen wir noch Angaben von Ihnen. Bitte antworten Sie auf diese Mail.",
        "Ohne Antwort schließen wir die Anfrage am {day}.",
        "Diese Mail wurde automatisch verschickt.",
    ),
    "fr": Words(
        "Nous attendons votre réponse",
        "Pour continuer, il nous faut encore quelques précisions de votre part. Merci de répondre à ce courriel.",
        "Sans réponse, nous clôturerons la demande le {day}.",
        "Ce courriel a été envoyé automatiquement.",
    ),
    "es": Words(
        "Esperamos su respuesta",
        "Para continuar necesitamos algunos datos suyos. Por favor, responda a este correo.",
        "Si no recibimos respuesta, cerraremos la solicitud el {day}.",
        "Este correo se ha enviado automáticamente.",
    ),
    "pt": Words(
        "Aguardamos a sua resposta",
        "Para continuar precisamos de alguns dados seus. Por favor, responda a este e-mail.",
        "Sem resposta, encerramos o pedido em {day}.",
        "Este e-mail foi enviado automaticamente.",
    ),
    "it": Words(
        "Attendiamo la sua risposta",
        "Per proseguire ci servono alcune informazioni da parte sua. La preghiamo di rispondere a questa mail.",
        "Senza risposta chiuderemo la richiesta il {day}.",
        "Questa mail è stata inviata automaticamente.",
    ),
}


def waiting_reminder(language: str, desk: str, closes_at: datetime | None) -> tuple[str, str]:
    """Subject and text for a customer who has not sent the details; `closes_at` in the desk's zone."""
    words = WORDS.get(language.lower().partition("-")[0], WORDS[DEFAULT])
    closing = [words.closing.format(day=f"{closes_at:%Y-%m-%d}")] if closes_at is not None else []
    return words.subject, "\n\n".join([words.text, *closing, f"{words.goodbye}\n{desk}"]) + "\n"


def activity_reminder(kind: str, subject: str, of: str, *, due: bool) -> tuple[str, str]:
    """Subject and text for the agent of a task or an appointment `of` some record: that it comes up, or is due."""
    says = f"{'Due' if due else 'Reminder'}: {kind} {subject}".rstrip()
    what = "is due now and still open" if due else "comes up"
    return says, f'The {kind} "{subject}" of {of} {what}.\n'
