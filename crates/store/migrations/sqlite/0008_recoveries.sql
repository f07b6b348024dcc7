-- The recovery of a lost last owner: 72 hours in which any member can stop it, then one invitation.
CREATE TABLE recoveries (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE CHECK (length(id) = 24),
    organization TEXT NOT NULL REFERENCES organizations (id),
    user_name TEXT NOT NULL,
    started_at BIGINT NOT NULL CHECK (started_at >= 0),
    ready_at BIGINT NOT NULL CHECK (ready_at = started_at + 259200000),
    invitation TEXT UNIQUE REFERENCES invitations (id),
    ended_at BIGINT CHECK (ended_at >= 0),
    end_reason TEXT CHECK (end_reason IN ('clock reset', 'stopped')),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX recoveries_organization ON recoveries (organization, number);

-- A recovery never gets shorter, invites nobody else, and never goes on after its end.
CREATE TRIGGER recoveries_no_revival BEFORE UPDATE ON recoveries
WHEN OLD.ended_at IS NOT NULL OR NEW.started_at <> OLD.started_at OR NEW.ready_at <> OLD.ready_at
  OR NEW.user_name <> OLD.user_name OR NEW.organization <> OLD.organization
  OR OLD.invitation IS NOT NULL AND NEW.invitation IS NOT OLD.invitation
BEGIN
    SELECT RAISE(ABORT, 'a recovery only goes on, or ends once');
END;
CREATE TRIGGER recoveries_no_delete BEFORE DELETE ON recoveries
BEGIN
    SELECT RAISE(ABORT, 'a recovery is never removed');
END;
