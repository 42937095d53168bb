"""Every kind of record that a file may tell of, in the order in which they are written: what is named comes first."""

from collections.abc import Mapping

from pipeline.reference.kinds.account import ToldAccount
from pipeline.reference.kinds.agent import ToldAgent
from pipeline.reference.kinds.article import ToldArticle
from pipeline.reference.kinds.contact import ToldContact
from pipeline.reference.kinds.device import ToldDevice
from pipeline.reference.kinds.entitlement import ToldEntitlement, ToldTemplate
from pipeline.reference.kinds.product import ToldProduct
from pipeline.reference.kinds.told import Told

KINDS: Mapping[str, type[Told]] = {
    "account": ToldAccount,
    "product": ToldProduct,
    "agent": ToldAgent,
    "contact": ToldContact,
    "entitlement_template": ToldTemplate,
    "device": ToldDevice,
    "entitlement": ToldEntitlement,
    "article": ToldArticle,
}
