-- Whether a tenant asks each of its members to have a second factor: without one a role is withheld.
ALTER TABLE tenant ADD COLUMN require_factor INTEGER NOT NULL DEFAULT 0;
