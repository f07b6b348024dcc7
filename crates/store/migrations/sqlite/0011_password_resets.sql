-- An invitation to choose a new password: made by an owner for a person who is there already.

ALTER TABLE invitations ADD COLUMN resets TEXT REFERENCES users (id) CHECK (resets IS NULL OR first_owner = 0);
