-- Settings of organizations, and who invited.

ALTER TABLE organizations ADD COLUMN security_contact TEXT;
ALTER TABLE organizations ADD COLUMN operations_contact TEXT;
ALTER TABLE organizations ADD COLUMN longest_secret_hours BIGINT NOT NULL DEFAULT 8760
    CHECK (longest_secret_hours BETWEEN 8 AND 8760);

-- `closed` is also 'replaced' when an owner took the invitation back; the log tells which.
-- In the form of the log, such as `user:<id>`; unknown for invitations that are older than this column.
ALTER TABLE invitations ADD COLUMN invited_by TEXT;
