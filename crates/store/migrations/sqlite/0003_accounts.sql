-- Service accounts with their secrets and access tokens, and the networks from which accounts and API keys are taken.

CREATE TABLE service_accounts (
    id TEXT PRIMARY KEY CHECK (length(id) = 24),
    organization TEXT NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    added_at BIGINT NOT NULL CHECK (added_at >= 0),
    removed_at BIGINT CHECK (removed_at >= 0)
);
CREATE INDEX service_accounts_organization ON service_accounts (organization);

-- `hash` is the SHA-256 of 256 random bits: nothing to guess, so nothing slower is needed. `hint` is what owners tell two
-- secrets apart by. A removed secret takes its row and its tokens with it; the log remembers that it was there.
CREATE TABLE service_account_secrets (
    id TEXT PRIMARY KEY CHECK (length(id) = 24),
    service_account TEXT NOT NULL REFERENCES service_accounts (id),
    hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    hint TEXT NOT NULL CHECK (length(hint) = 4),
    added_at BIGINT NOT NULL CHECK (added_at >= 0),
    expires_at BIGINT NOT NULL CHECK (expires_at > added_at),
    used_at BIGINT CHECK (used_at >= 0)
);
CREATE INDEX service_account_secrets_account ON service_account_secrets (service_account);

-- Only the SHA-256 of a token is kept.
CREATE TABLE access_tokens (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    secret TEXT NOT NULL REFERENCES service_account_secrets (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL CHECK (expires_at >= 0)
);
CREATE INDEX access_tokens_secret ON access_tokens (secret);
CREATE INDEX access_tokens_over ON access_tokens (expires_at);

-- From where an API key or service account is taken; from everywhere if it has no row here.
CREATE TABLE networks (
    api_key TEXT REFERENCES api_keys (id),
    service_account TEXT REFERENCES service_accounts (id),
    network TEXT NOT NULL,
    added_at BIGINT NOT NULL CHECK (added_at >= 0),
    CHECK ((api_key IS NULL) <> (service_account IS NULL)),
    UNIQUE (api_key, network),
    UNIQUE (service_account, network)
);

-- The roles of a user, API key, service account or invitation: in the organization, or in one project.
CREATE TABLE roles_of_all (
    user_id TEXT REFERENCES users (id),
    api_key TEXT REFERENCES api_keys (id),
    invitation TEXT REFERENCES invitations (id),
    service_account TEXT REFERENCES service_accounts (id),
    project TEXT REFERENCES projects (id),
    role TEXT NOT NULL CHECK (role IN (
        'ORG_OWNER', 'ORG_MEMBER', 'ORG_READ_ONLY', 'GROUP_OWNER', 'GROUP_READ_ONLY', 'GROUP_SUPPORT_ACCESS_MANAGER')),
    CHECK ((project IS NULL) = (role IN ('ORG_OWNER', 'ORG_MEMBER', 'ORG_READ_ONLY'))),
    CHECK ((user_id IS NOT NULL) + (api_key IS NOT NULL) + (invitation IS NOT NULL) + (service_account IS NOT NULL) = 1)
);
INSERT INTO roles_of_all (user_id, api_key, invitation, project, role)
SELECT user_id, api_key, invitation, project, role FROM roles;
DROP TABLE roles;
ALTER TABLE roles_of_all RENAME TO roles;
CREATE INDEX roles_user ON roles (user_id);
CREATE INDEX roles_api_key ON roles (api_key);
CREATE INDEX roles_invitation ON roles (invitation);
CREATE INDEX roles_service_account ON roles (service_account);
