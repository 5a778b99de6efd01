"""The account of the local server: made once, its secrets kept where the user wants them, and nowhere else."""

from contextlib import suppress

from curator.errors import ConfigError, CuratorError
from curator.studio.credentials import PASSWORD, TOKEN, studio_secrets
from curator.studio.home import CredentialsKind, State, StudioHome
from integrations.labelers.label_studio.launch import Account


def read_account(home: StudioHome, state: State) -> Account:
    """The account that the data folder was prepared with, secrets included.

    Raises:
        ConfigError: the keyring does not open, or others can read the file.
        CuratorError: the secrets are gone.
    """
    secrets = studio_secrets(home, state.credentials)
    password, token = secrets.read(PASSWORD), secrets.read(TOKEN)
    if password is None or token is None:
        raise CuratorError(
            f"The password or token of the Label Studio in {home.folder} is no longer in {secrets.where}. Put it back; "
            f"or stop the server, remove {home.data} and start over: its projects are then lost."
        )
    return Account(state.email, password, token)


def settle_account(home: StudioHome, state: State | None, kind: CredentialsKind) -> Account:
    """The account of the data folder, or a new one when there is no such folder; kept where `kind` says.

    A new account is kept before the data folder is made: no kill leaves a folder that nobody can log in to.

    Args:
        home: the folder.
        state: what was known so far.
        kind: where the secrets are to be kept from now on.

    Raises:
        ConfigError: they cannot be read or kept there.
        CuratorError: the secrets are gone, or nothing says whose the data folder is.
    """
    if not home.data.exists():
        account = Account.random()
    elif state is not None:
        account = read_account(home, state)
        if state.credentials == kind:
            return account
    else:
        raise CuratorError(
            f"{home.data} exists, but nothing says which account it belongs to. Move it away to start over with an empty server."
        )
    secrets = studio_secrets(home, kind)
    secrets.store(PASSWORD, account.password)
    secrets.store(TOKEN, account.token)
    return account


def forget_elsewhere(home: StudioHome, before: State | None, kind: CredentialsKind) -> None:
    """Remove the secrets from where they were before; to be called when the new place is on record.

    Files in the clear are looked for every time: a kill may have left them.
    """
    if kind == "keyring":
        _forget(home, "file")
    elif before is not None and before.credentials == "keyring":
        _forget(home, "keyring")


def _forget(home: StudioHome, kind: CredentialsKind) -> None:
    with suppress(ConfigError):  # a keyring that is gone or locked: they are not in the clear there
        secrets = studio_secrets(home, kind)
        for name in (PASSWORD, TOKEN):
            secrets.forget(name)
