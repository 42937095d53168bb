"""What our automatic mail says, in the language of the desk."""

from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT = "en"


@dataclass(frozen=True, slots=True)
class Words:
    """An acknowledgement in one language: `about` is added where the sender's own subject may be repeated."""

    subject: str
    text: str
    about: str
    goodbye: str


WORDS: Mapping[str, Words] = {
    "en": Words(
        "We have received your message",
        "Thank you for writing to us. Your message has arrived, and we are going to answer it.\n"
        "If you would like to add something, reply to this mail and leave its subject as it is.",
        "It is about: {subject}",
        "This mail was sent automatically.",
    ),
    "de": Words(
        "Wir haben Ihre Nachricht erhalten",
        "Danke für Ihre Nachricht. Sie ist bei uns angekommen, und wir werden sie beantworten.\n"
        "Wenn Sie etwas ergänzen möchten, antworten Sie auf diese Mail und lassen Sie den Betreff unverändert.",
        "Es geht um: {subject}",
        "Diese Mail wurde automatisch verschickt.",
    ),
    "fr": Words(
        "Nous avons reçu votre message",
        "Merci de nous avoir écrit. Votre message est bien arrivé et nous y répondrons.\n"
        "Pour ajouter quelque chose, répondez à ce courriel sans en modifier l'objet.",
        "Il concerne : {subject}",
        "Ce courriel a été envoyé automatiquement.",
    ),
    "es": Words(
        "Hemos recibido su mensaje",
        "Gracias por escribirnos. Su mensaje ha llegado y le responderemos.\n"
        "Si desea añadir algo, responda a este correo sin cambiar el asunto.",
        "Se trata de: {subject}",
        "Este correo se ha enviado automáticamente.",
    ),
    "pt": Words(
        "Recebemos a sua mensagem",
        "Obrigado por nos escrever. A sua mensagem chegou e vamos responder-lhe.\n"
        "Se quiser acrescentar algo, responda a este e-mail sem alterar o assunto.",
        "Trata-se de: {subject}",
        "Este e-mail foi enviado automaticamente.",
    ),
    "it": Words(
        "Abbiamo ricevuto il suo messaggio",
        "Grazie per averci scritto. Il suo messaggio è arrivato e le risponderemo.\n"
        "Se desidera aggiungere qualcosa, risponda a questa mail senza modificarne l'oggetto.",
        "Riguarda: {subject}",
        "Questa mail è stata inviata automaticamente.",
    ),
}


def acknowledgement(language: str, desk: str, subject: str | None) -> tuple[str, str]:
    """Subject and text of an acknowledgement; with the customer's own `subject` only where they surely wrote it."""
    words = WORDS.get(language.lower().partition("-")[0], WORDS[DEFAULT])
    about = [words.about.format(subject=subject)] if subject else []
    return words.subject, "\n\n".join([words.text, *about, f"{words.goodbye}\n{desk}"]) + "\n"


def storm_of_forms(limit: int) -> tuple[str, str]:
    """What the manager is told when forms name too many new addresses."""
    subject = "Acknowledgements of forms are stopped"
    text = (
        f"Web forms named more than {limit} addresses within an hour that were not known before.\n"
        "No acknowledgements are sent for forms until it is fewer; every message is kept as a case all the same.\n"
    )
    return subject, text


def storm_of_strangers(limit: int) -> tuple[str, str]:
    """What the manager is told when one text comes from too many new senders."""
    subject = "One text from many new senders"
    text = (
        f"More than {limit} addresses that were not known before sent the same text within an hour.\n"
        "What else comes of it is folded into one case and not acknowledged.\n"
    )
    return subject, text
