"""A botocore session that reads neither the environment nor the user's files: for an emulator, and for plain tables."""

import os

from botocore.client import BaseClient
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES, ConstantProvider
from botocore.credentials import CredentialResolver
from botocore.loaders import Loader
from botocore.session import Session
from botocore.tokens import TokenProviderChain

from mlctl.aws.client import response_checks

# What a variable falls back to here, where botocore's own default would read a file or the environment after all.
_DEFAULTS = {
    "config_file": os.devnull,
    "credentials_file": os.devnull,
    "ca_bundle": True,  # unset, botocore would ask REQUESTS_CA_BUNDLE
    "ignore_configured_endpoint_urls": True,  # AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_<SERVICE>
}
# Sections with variables of their own, such as AWS_S3_USE_ARN_REGION.
_SECTIONS = ("s3", "proxies_config")


class _IsolatedSession(Session):
    def _register_client_plugins(self, client: BaseClient) -> None:
        """Import nothing: botocore takes names of modules from BOTOCORE_EXPERIMENTAL__PLUGINS."""


def isolated_session() -> Session:
    """A session without a profile, credentials, a region or any setting of the caller's AWS configuration.

    Every variable that botocore knows keeps its default, whatever ``AWS_*`` and ``~/.aws`` say. There is no chain
    of credentials: a client has those that it is given, or none.
    """
    session = _IsolatedSession(
        session_vars={
            name: (None, None, _DEFAULTS.get(name, default), None)
            for name, (_, _, default, _) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
        }
    )
    store = session.get_component("config_store")
    for section in _SECTIONS:
        store.set_config_provider(section, ConstantProvider(None))
    session.register_component("credential_provider", CredentialResolver(providers=[]))
    session.register_component("token_provider", TokenProviderChain(providers=[]))
    response_checks.guard(session)
    # Without ~/.aws/models, whose files take the place of botocore's own.
    loader = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
    session.register_component("data_loader", loader)
    return session
